"""A library that says the same thing many times a second is heard now and then."""

import logging
import time
from collections.abc import Callable


class Seldom(logging.Filter):
    """Lets one record through in `every_s` seconds, which says how many were left out before it."""

    def __init__(self, every_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every_s = every_s
        self._clock = clock
        self._next_at = float("-inf")
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        if self._clock() < self._next_at:
            self._left_out += 1
            return False
        if self._left_out:
            record.msg, record.args = f"{record.getMessage()} (and {self._left_out:,} like it)", None
        self._next_at, self._left_out = self._clock() + self._every_s, 0
        return True
