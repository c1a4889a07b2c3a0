"""Popularity: everybody is offered what was bought most often.

    score(item) = number of lines in which anybody bought the item, up to now

The rule that every other model has to beat (Cremonesi, Koren and Turrin 2010, "Performance of recommender
algorithms on top-n recommendation tasks", call it TopPop).
"""

import numpy as np

from serving.features import Int64s
from trainer.models.model import Grain
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases


class Popularity:
    """Counts lines; goes on counting as the stream goes on. The same at both grains."""

    name = "popularity"

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "PopularityRanker":
        return PopularityRanker(np.bincount(past.item, minlength=past.vocabulary_size))


class PopularityRanker:
    """Knows how often each item was bought: [V]."""

    def __init__(self, bought: Int64s) -> None:
        self._bought = bought

    def scores(self, moments: Moments) -> Float32s:
        return np.tile(self._bought.astype(np.float32), (len(moments), 1))

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        item = purchases.item[start:end]
        size = len(self._bought)
        self._bought += np.bincount(item[item < size], minlength=size)
