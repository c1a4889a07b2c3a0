"""Counts that fade: what happened a half-life ago counts half of what happens now."""

from typing import Self

import numpy as np
from numpy.typing import NDArray

from serving.features import Int64s
from trainer.purchases import Purchases

DAY = 24 * 3600
DAYS_OF_A_PAST_WITHOUT_TIMES = 365
"""Where only the order of lines is known, the past is taken to be a year in which they were spread evenly."""


class Forgetting:
    """A clock that only goes forwards: weights are relative to the newest moment that it was told of.

    half_life: in the units of `Purchases.at`.

    >>> clock = Forgetting(half_life=10)
    >>> clock.advance(np.array([100])), clock.advance(np.array([105, 110])), clock.advance(np.array([110]))
    (0.0, 0.5, 1.0)
    >>> clock.weight(np.array([90, 100, 110])).tolist()
    [0.25, 0.5, 1.0]
    """

    def __init__(self, half_life: float) -> None:
        self._half_life = half_life
        self._now = -np.inf

    @classmethod
    def of(cls, past: Purchases, days: float) -> Self:
        """With a half-life in days, of a past that may have no times."""
        return cls(days * (DAY if past.is_timed else len(past) / DAYS_OF_A_PAST_WITHOUT_TIMES))

    def advance(self, at: Int64s) -> float:
        """Go on to the last of these moments, which never fall; what an older count is still worth then."""
        before = self._now
        self._now = max(before, float(at[-1])) if len(at) else before
        return 1.0 if before == self._now else float(np.exp2((before - self._now) / self._half_life))

    def weight(self, at: Int64s) -> NDArray[np.float64]:
        """What something that happened at these moments counts now."""
        weight: NDArray[np.float64] = np.exp2((at - self._now) / self._half_life)
        return weight
