"""From scores to lists and ranks, by one rule for all models: equal scores go by popularity.

With arbitrary ties simple rules, which give many items the same score, look worse than they are. To settle
ties without sorting whole catalogues, items stand in the order of popularity before the best are looked
for: among equals it is then the first ones that are wanted.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, PADDING, Int32s, Int64s
from trainer.purchases import Float32s

BLOCKS = 64
NO_RANK = 0
"""Of an item that the ranker does not know."""


class PopularityOrder(NamedTuple):
    """The items that a ranker scores, most popular first."""

    item: Int32s
    """Item index at each place: [n_items]."""
    place: Int64s
    """Place of each item index; -1 for padding and unknown: [V]."""

    @classmethod
    def of(cls, bought: Int64s) -> Self:
        """From how often each item was bought: [V]; equally popular items stand in the order of their indices."""
        item = FIRST_ITEM + np.argsort(-bought[FIRST_ITEM:], kind="stable")
        place = np.full(len(bought), -1)
        place[item] = np.arange(len(item))
        return cls(item.astype(np.int32), place)


class Standing(NamedTuple):
    """Scores of n lists, with the items in the order of popularity."""

    scores: Float32s
    """[n, n_items]; minus infinity where an item must not be on the list."""
    order: PopularityOrder

    def without(self, row: Int64s, item: Int32s) -> Self:
        """The same with some items barred from some rows: pairs of row and item index. Changes `scores`."""
        known = item < len(self.order.place)
        self.scores[row[known], self.order.place[item[known]]] = -np.inf
        return self

    def top(self, k: int) -> tuple[Int32s, Float32s]:
        """The k best items of each row, best first, and their scores: [n, k] each.

        Where there are fewer than k items to be had, PADDING fills the row.
        """
        wanted = min(k, self.scores.shape[1])
        items = np.full((len(self.scores), k), PADDING, np.int32)
        scores = np.full((len(self.scores), k), -np.inf, np.float32)
        if wanted:
            best = _best_places(self.scores, wanted)
            scores[:, :wanted] = np.take_along_axis(self.scores, best, axis=1)
            items[:, :wanted] = np.where(scores[:, :wanted] > -np.inf, self.order.item[best], PADDING)
        return items, scores

    def rank(self, item: Int32s) -> Int64s:
        """The rank of one item in each row, 1 for the best; NO_RANK where it is not known: [n]."""
        place = self.order.place[np.where(item < len(self.order.place), item, PADDING)]
        own = np.take_along_axis(self.scores, np.maximum(place, 0)[:, None], axis=1)
        better = np.count_nonzero(self.scores > own, axis=1)
        tied = np.count_nonzero(self.scores >= own, axis=1) - better > 1
        before = np.arange(self.scores.shape[1]) < place[tied, None]
        better[tied] += np.count_nonzero((self.scores[tied] == own[tied]) & before, axis=1)
        return np.where(place >= 0, 1 + better, NO_RANK)


def standing(scores: Float32s, order: PopularityOrder) -> Standing:
    """A ranker's scores [n, V], brought into the order of popularity; a copy."""
    return Standing(np.take(scores, order.item, axis=1), order)


def _best_places(scores: Float32s, k: int) -> Int64s:
    """The k best columns of each row, best first; among equals the leftmost: [n, k]."""
    bound = _lower_bound(scores, k)
    chosen = scores > bound
    n_missing = k - np.count_nonzero(chosen, axis=1)
    tied = n_missing > 0
    chosen[tied] |= _leftmost(scores[tied] == bound[tied], n_missing[tied])
    row, column = np.divmod(np.flatnonzero(chosen), scores.shape[1])
    n_chosen = np.bincount(row, minlength=len(scores))
    place = np.arange(len(row)) - np.repeat(np.cumsum(n_chosen) - n_chosen, n_chosen)
    places = np.zeros((len(scores), int(n_chosen.max(initial=k))), np.int64)
    values = np.full(places.shape, -np.inf, np.float32)
    places[row, place] = column
    values[row, place] = scores[row, column]
    best_first = np.argsort(-values, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(places, best_first, axis=1)


def _lower_bound(scores: Float32s, k: int) -> Float32s:
    """A score for each row that at least k of its columns reach, and few surpass: [n, 1].

    It is the k-th best of the best of BLOCKS groups of columns: that many columns reach it, one in each group. Looking
    for the k-th best of all columns would take several times as long, longest where many of them are equal.
    """
    n_blocks = max(BLOCKS, k)
    n_whole = scores.shape[1] // n_blocks * n_blocks
    if not n_whole:
        return np.partition(scores, -k, axis=1)[:, -k, None]
    best = scores[:, :n_whole].reshape(len(scores), -1, n_blocks).max(axis=1)
    rest = scores[:, n_whole:]
    best[:, : rest.shape[1]] = np.maximum(best[:, : rest.shape[1]], rest)
    return np.partition(best, -k, axis=1)[:, -k, None]


def _leftmost(marked: NDArray[np.bool_], n: Int64s) -> NDArray[np.bool_]:
    """Of the marked columns of each row, the first n of that row."""
    return marked & (np.cumsum(marked, axis=1, dtype=np.int32) <= n[:, None])
