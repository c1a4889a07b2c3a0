"""How often one may ask: a token bucket for each key."""

import time
from collections.abc import Callable

FORGETTING_BEGINS = 10_000
"""With so many buckets, full ones are forgotten: they are what a new one would be."""


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
        self._forget_at = FORGETTING_BEGINS

    def __len__(self) -> int:
        """Of how many keys something is remembered."""
        return len(self._buckets)

    def wait_s(self, key: str) -> float:
        """0 where the key may ask now, which is counted; else how long until it may."""
        now = self._clock()
        tokens = self._tokens(*self._buckets.get(key, (float(self._burst), now)), now)
        if tokens < 1:
            return (1 - tokens) / self._per_second
        self._buckets[key] = (tokens - 1, now)
        if len(self._buckets) > self._forget_at:
            self._forget_full(now)
        return 0.0

    def _tokens(self, left: float, at: float, now: float) -> float:
        return min(left + (now - at) * self._per_second, float(self._burst))

    def _forget_full(self, now: float) -> None:
        """Not more often than the buckets have doubled, so that it costs each request next to nothing."""
        self._buckets = {key: kept for key, kept in self._buckets.items() if self._tokens(*kept, now) < self._burst}
        self._forget_at = max(FORGETTING_BEGINS, 2 * len(self._buckets))
