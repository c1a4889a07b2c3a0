"""Counts and waiting times of the last minute. Times are seconds of any clock that only goes forward."""

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

SPAN_S = 60
BUCKET_S = 2
"""Waiting times are summed up over so many seconds."""
MOST_SAMPLES = 30_000


class Waits(NamedTuple):
    """Milliseconds that half, and all but one in a hundred, did not exceed; None where there were none."""

    p50: float | None
    p99: float | None


NO_WAITS = Waits(None, None)


class PerSecond:
    """How often something happened in each of the last SPAN_S seconds."""

    def __init__(self) -> None:
        self._counts: deque[list[int]] = deque()

    def count(self, now: float, n: int = 1) -> None:
        second = int(now)
        if not self._counts or self._counts[-1][0] < second:
            self._counts.append([second, 0])
        self._counts[-1][1] += n
        while self._counts[0][0] < second - SPAN_S:
            self._counts.popleft()

    def series(self, now: float) -> list[int]:
        """One count per second that is over, oldest first.

        >>> bought = PerSecond()
        >>> bought.count(99.2); bought.count(99.9)
        >>> bought.series(100.1)[-2:]
        [0, 2]
        """
        counts = {second: n for second, n in self._counts if n}
        return [counts.get(second, 0) for second in range(int(now) - SPAN_S, int(now))]


class WaitingTimes:
    """How long lists have been waited for, in the last SPAN_S seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=MOST_SAMPLES)

    def add(self, now: float, milliseconds: float) -> None:
        self._samples.append((now, milliseconds))

    def overall(self, now: float) -> Waits:
        return _waits([ms for at, ms in self._samples if at > now - SPAN_S])

    def series(self, now: float) -> list[Waits]:
        """One for each BUCKET_S seconds, oldest first."""
        buckets: list[list[float]] = [[] for _ in range(SPAN_S // BUCKET_S)]
        for at, ms in self._samples:
            back = int((now - at) // BUCKET_S)
            if 0 <= back < len(buckets):
                buckets[-1 - back].append(ms)
        return [_waits(bucket) for bucket in buckets]


def _waits(milliseconds: Sequence[float]) -> Waits:
    if not milliseconds:
        return NO_WAITS
    p50, p99 = np.percentile(milliseconds, [50, 99])
    return Waits(float(p50), float(p99))
