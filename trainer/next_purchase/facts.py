"""What everybody's purchases say about each item, as it was on many days: small tables of the model.

An example must not see the future, and neither its own order: it looks at the newest table made before the
day of its question. A released version carries its last table as a constant.
"""

from typing import NamedTuple

import numpy as np

from serving.features import DAY_S, Float32s, Int64s
from trainer.purchases import Purchases

WINDOWS_DAYS = (7.0, 30.0, 90.0, np.inf)
N_FACTS = len(WINDOWS_DAYS) + 1
"""Logarithm of an item's lines in each window, and how often who had it bought it again."""
MAX_VALUES = 64_000_000
"""Of all tables together: a quarter of a gigabyte."""
MAX_TABLES = 400
_DAYS_PER_YEAR = 365
# As if each item had been bought ten times more, and once again: little data says little.
_PRIOR_AGAIN, _PRIOR_BOUGHT = 1.0, 10.0


class ItemFacts(NamedTuple):
    """S tables, oldest first."""

    made_at: Int64s
    """Each table holds what had happened before this moment: [S]."""
    tables: Float32s
    """[S, V, N_FACTS]"""

    def at(self, as_of: Int64s) -> Int64s:
        """Number of the newest table made at or before each moment: [n]."""
        return np.maximum(np.searchsorted(self.made_at, as_of, side="right") - 1, 0)


def day_length(purchases: Purchases) -> float:
    """Seconds; a shop without times is taken to have sold what it sold in a year."""
    return DAY_S if purchases.is_timed else max(1.0, len(purchases) / _DAYS_PER_YEAR)


def item_facts(purchases: Purchases, vocabulary_size: int) -> ItemFacts:
    """The tables of the whole time, one per day or, where that were too many, as many as there is room for."""
    made_at = _table_times(purchases, vocabulary_size)
    again = _bought_again(purchases)
    return ItemFacts(made_at, np.stack([_table(purchases, again, at, vocabulary_size) for at in made_at]))


def newest_facts(purchases: Purchases, vocabulary_size: int, at: int) -> Float32s:
    """The table of one moment: [V, N_FACTS]."""
    return _table(purchases, _bought_again(purchases), at, vocabulary_size)


def _table_times(purchases: Purchases, vocabulary_size: int) -> Int64s:
    day = day_length(purchases)
    first, last = int(purchases.at[0] // day), int(purchases.at[-1] // day) + 1
    room = min(MAX_TABLES, max(2, MAX_VALUES // (vocabulary_size * N_FACTS)))
    return np.ceil(np.unique(np.linspace(first, last, min(room, last - first + 1)).astype(np.int64)) * day).astype(np.int64)


def _bought_again(purchases: Purchases) -> Float32s:
    """1 for each line whose user had bought the item in an order before: [n]."""
    line = np.lexsort((purchases.order, purchases.item, purchases.user))
    user, item, order = purchases.user[line], purchases.item[line], purchases.order[line]
    first = np.ones(len(line), np.bool_)
    first[1:] = (user[1:] != user[:-1]) | (item[1:] != item[:-1])
    first_order = order[np.maximum.accumulate(np.where(first, np.arange(len(line)), 0))]
    again = np.zeros(len(line), np.float32)
    again[line] = order > first_order
    return again


def _table(purchases: Purchases, again: Float32s, at: int, vocabulary_size: int) -> Float32s:
    end, day = purchases.position(at), day_length(purchases)
    windows = [_counts(purchases, purchases.position(at - days * day), end, vocabulary_size) for days in WINDOWS_DAYS]
    items, size = purchases.item[:end], vocabulary_size
    n_again = np.bincount(items, again[:end], size)[:size]
    rate = (n_again + _PRIOR_AGAIN) / (windows[-1] + _PRIOR_BOUGHT)
    return np.stack([*(np.log1p(counts) for counts in windows), rate], axis=-1).astype(np.float32)


def _counts(purchases: Purchases, start: int, end: int, vocabulary_size: int) -> Int64s:
    # What is newer than the vocabulary lies above it.
    return np.bincount(purchases.item[start:end], minlength=vocabulary_size)[:vocabulary_size]
