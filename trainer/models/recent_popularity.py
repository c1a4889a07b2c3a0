"""Recent popularity: everybody is offered what was bought most often lately.

    score(item) = sum over the lines of the item of 2^(-age / half-life)

A popularity with a memory (Ji, Sun, Zhang and Li 2020, "A re-visit of the popularity baseline in recommender
systems", section 3.3): seasons come and go, and a list of all times' favourites does not notice. The half-life
is chosen by validation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trainer.models.forgetting import Forgetting
from trainer.models.model import Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

HALF_LIVES = (30.0, 7.0, 90.0)


class RecentPopularity:
    """Counts lines, and lets the counts fade.

    half_life: days after which a line counts half; of several the best is taken.
    """

    name = "recent-popularity"

    def __init__(self, half_life: Sequence[float] = HALF_LIVES) -> None:
        self._half_lives = half_life

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "RecentPopularityRanker":
        return _fit(past, chosen(self._half_lives, _fit, past, grain, progress))


class RecentPopularityRanker:
    """Knows how often each item was bought, as it counts at the newest line that was observed."""

    def __init__(self, vocabulary_size: int, forgetting: Forgetting) -> None:
        self._bought: NDArray[np.float64] = np.zeros(vocabulary_size)
        self._forgetting = forgetting

    def scores(self, moments: Moments) -> Float32s:
        return np.tile(self._bought.astype(np.float32), (len(moments), 1))

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        at, item = purchases.at[start:end], purchases.item[start:end]
        self._bought *= self._forgetting.advance(at)
        known = item < len(self._bought)
        self._bought += np.bincount(item[known], self._forgetting.weight(at[known]), len(self._bought))


def _fit(past: Purchases, half_life: float) -> RecentPopularityRanker:
    ranker = RecentPopularityRanker(past.vocabulary_size, Forgetting.of(past, half_life))
    ranker.observe(past, 0, len(past))
    return ranker
