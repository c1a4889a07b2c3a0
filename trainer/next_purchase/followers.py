"""What follows what: for each item those that were bought right after it, counted with fading.

    weight(x -> y, t) = sum over the times s < t at which y followed x of  2 ** -((t - s) / HALF_LIFE_DAYS)

PADDING stands for the beginning of a run of lines (trainer.next_purchase.runs), so its followers are what runs
begin with. An example must not see the future, and neither its own day: it looks at the table as it was when its
day began. A version for serving carries its last table as constants.

Streamed Markov chains are the strongest simple rule for the next line; here they are evidence for a network.
"""

from itertools import pairwise
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike, NDArray

from serving.features import FIRST_ITEM, UNKNOWN, Float32s, Int32s, Int64s
from trainer.next_purchase.runs import known_items
from trainer.purchases import Purchases

Float64s: TypeAlias = NDArray[np.float64]

HALF_LIFE_DAYS = 30.0
N_FOLLOWERS = 32
"""The most frequent followers of an item that a table keeps."""


class FollowerRows(NamedTuple):
    """R rows of a table, each the followers of one item at one time, the most frequent first."""

    item: Int32s
    """PADDING where there are fewer: [R, N_FOLLOWERS]."""
    log_share: Float32s
    """Logarithm of the share of all that followed: [R, N_FOLLOWERS]."""
    log_age: Float32s
    """log(1 + days since it last followed): [R, N_FOLLOWERS]."""
    log_weight: Float32s
    """log(1 + weight of all that followed), how much the row rests on: [R]."""

    def at(self, number: Int32s) -> Self:
        """Rows by their numbers, of any shape [...]: [..., N_FOLLOWERS] and [...]."""
        return type(self)(self.item[number], self.log_share[number], self.log_age[number], self.log_weight[number])


class FollowersByDay(NamedTuple):
    """What a training looks at: one row for each day and item that is asked for."""

    rows: FollowerRows
    of_line: Int32s
    """Number of the row that was known when a line was bought, of the line before it: [n]."""


class FollowerCounts:
    """Counts that go on with the stream."""

    def __init__(self, vocabulary_size: int, began: float, day_s: float) -> None:
        """`began` is the time from which days are counted, and `day_s` the length of one, in the unit of `at`."""
        self._size = vocabulary_size
        self._began, self._day_s = began, day_s
        self._pair: Int64s = np.zeros(0, np.int64)
        # Kept as of the beginning: old counts then never have to be touched, and shares come out the same.
        self._weight: Float64s = np.zeros(0)
        self._last: Float64s = np.zeros(0)

    def add(self, previous: Int32s, item: Int32s, at: Int64s) -> None:
        """The lines `item` were bought right after `previous`: [n] each. What is unknown counts nowhere."""
        counts = (previous != UNKNOWN) & (item >= FIRST_ITEM)
        pair = previous[counts].astype(np.int64) * self._size + item[counts]
        day = self._days(at[counts])
        joint = np.concatenate([self._pair, pair])
        self._pair, place = np.unique(joint, return_inverse=True)
        weights = np.concatenate([self._weight, 2 ** (day / HALF_LIFE_DAYS)])
        self._weight = np.bincount(place, weights, len(self._pair)).astype(np.float64)
        last = np.zeros(len(self._pair))
        np.maximum.at(last, place, np.concatenate([self._last, day]))
        self._last = last

    def rows(self, items: Int32s, at: float) -> FollowerRows:
        """The followers of these items (each once, rising) as of a moment."""
        first, end = (np.searchsorted(self._pair, bound * self._size) for bound in (items.astype(np.int64), items + 1))
        row = np.repeat(np.arange(len(items)), end - first)
        pair = np.arange(len(row)) + np.repeat(first - np.cumsum(end - first) + end - first, end - first)
        total = np.bincount(row, self._weight[pair], len(items))
        best = np.lexsort((-self._weight[pair], row))
        row, pair = row[best], pair[best]
        place = np.arange(len(row)) - np.searchsorted(row, row)
        kept = place < N_FOLLOWERS
        where, pair = (row[kept], place[kept]), pair[kept]
        now = float(self._days(np.array([at]))[0])
        return FollowerRows(
            _filled(where, len(items), self._pair[pair] % self._size, np.int32),
            _filled(where, len(items), np.log(self._weight[pair] / total[where[0]]), np.float32),
            _filled(where, len(items), np.log1p(np.maximum(now - self._last[pair], 0)), np.float32),
            np.log1p(total * 2 ** (-now / HALF_LIFE_DAYS)).astype(np.float32),
        )

    def _days(self, at: Int64s) -> Float64s:
        return ((at - self._began) / self._day_s).astype(np.float64)


def follower_counts(purchases: Purchases, previous: Int32s, vocabulary_size: int, day_s: float) -> FollowerCounts:
    """Of all that has happened; `previous` is what came before each line."""
    counts = FollowerCounts(vocabulary_size, float(purchases.at[0]), day_s)
    counts.add(previous, known_items(purchases.item, vocabulary_size), purchases.at)
    return counts


def followers_by_day(purchases: Purchases, previous: Int32s, vocabulary_size: int, day_s: float) -> FollowersByDay:
    """For each line the followers of the item `previous` to it, as they were when its day began."""
    counts = FollowerCounts(vocabulary_size, float(purchases.at[0]), day_s)
    item = known_items(purchases.item, vocabulary_size)
    day = (purchases.at // day_s).astype(np.int64)
    bounds = np.flatnonzero(np.diff(day, prepend=-1, append=-1))
    of_line, parts, n_rows = np.zeros(len(item), np.int32), [], 0
    for start, end in pairwise(bounds):
        lines = slice(start, end)
        asked, row = np.unique(previous[lines], return_inverse=True)
        parts.append(counts.rows(asked, float(day[start] * day_s)))
        of_line[lines] = n_rows + row
        n_rows += len(asked)
        counts.add(previous[lines], item[lines], purchases.at[lines])
    return FollowersByDay(FollowerRows(*(np.concatenate(column) for column in zip(*parts, strict=True))), of_line)


def _filled(where: tuple[Int64s, Int64s], n: int, values: NDArray[Any], dtype: DTypeLike) -> NDArray[Any]:
    rows = np.zeros((n, N_FOLLOWERS), dtype)
    rows[where] = values
    return rows
