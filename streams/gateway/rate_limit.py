"""How often one may ask: a token bucket for each key."""

import time
from collections.abc import Callable


class RateLimit:
    """Each key may ask `burst` times at once, and `per_second` times in the long run.

    >>> now = 0.0
    >>> limit = RateLimit(per_second=2.0, burst=1, clock=lambda: now)
    >>> limit.wait_s("shop"), limit.wait_s("shop"), limit.wait_s("page")
    (0.0, 0.5, 0.0)
    >>> now = 0.5
    >>> limit.wait_s("shop")
    0.0
    """

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        """Tokens that were left, and when."""

    def wait_s(self, key: str) -> float:
        """0 where the key may ask now, which is counted; else how long until it may."""
        now = self._clock()
        left, at = self._buckets.get(key, (float(self._burst), now))
        tokens = min(left + (now - at) * self._per_second, float(self._burst))
        if tokens < 1:
            return (1 - tokens) / self._per_second
        self._buckets[key] = (tokens - 1, now)
        return 0.0
