"""What everybody's purchases say about each item, as it was on many days: small tables of the model.

An example must not see the future, and neither its own order: it looks at the newest table made before the
day of its question. A released version carries its last table as a constant.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import numpy as np

from serving.features import DAY_S, Float32s, Int64s
from trainer.purchases import Purchases

WINDOWS_DAYS = (7.0, 30.0, 90.0, np.inf)
ALL_TIME = len(WINDOWS_DAYS) - 1
"""Where the item's share of all lines stands."""
N_FACTS = len(WINDOWS_DAYS) + 1
"""An item's share of the lines in each window, and how often who had it bought it again."""
FACTS, LINE_FACTS = "item_facts", "line_facts"
"""Beside INPUT_TYPES, in training: the facts of all items [B, V, N_FACTS] and those of the lines [B, L, N_FACTS]."""
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
        """Number of the newest table made at or before each moment, or of the first: [n]."""
        return np.maximum(np.searchsorted(self.made_at, as_of, side="right") - 1, 0)

    def followed_by(self, at: int, table: Float32s) -> Self:
        """The same tables, and one more that was made later; the oldest gives way where there are too many."""
        first = 1 if len(self.made_at) >= MAX_TABLES else 0
        return type(self)(np.append(self.made_at[first:], at), np.concatenate([self.tables[first:], table[None]]))


@dataclass(frozen=True)
class Ledger:
    """All purchases, and the items of which facts are wanted."""

    purchases: Purchases
    vocabulary_size: int

    @property
    def day(self) -> float:
        """In units of `purchases.at`; a shop without times is taken to have sold what it sold in a year."""
        return DAY_S if self.purchases.is_timed else max(1.0, len(self.purchases) / _DAYS_PER_YEAR)

    def day_of(self, at: int) -> int:
        """When the day of a moment began."""
        return int(np.ceil(at // self.day * self.day))

    def facts(self) -> ItemFacts:
        """The tables of the whole time: one per day or, where that were too many, as many as there is room for."""
        made_at = self._table_times()
        return ItemFacts(made_at, np.stack([self.table(int(at)) for at in made_at]))

    def table(self, at: int) -> Float32s:
        """What was known at a moment: [V, N_FACTS]."""
        end = self.purchases.position(at)
        windows = [self._counts(self.purchases.position(at - days * self.day), end) for days in WINDOWS_DAYS]
        n_again = self._counts(0, end, self._bought_again)
        rate = (n_again + _PRIOR_AGAIN) / (windows[ALL_TIME] + _PRIOR_BOUGHT)
        return np.stack([*(_log_share(counts) for counts in windows), rate], axis=-1).astype(np.float32)

    @cached_property
    def _bought_again(self) -> Float32s:
        """1 for each line whose user had bought the item in an order before: [n]."""
        purchases = self.purchases
        line = np.lexsort((purchases.order, purchases.item, purchases.user))
        owner = purchases.user[line].astype(np.int64) * purchases.vocabulary_size + purchases.item[line]
        first = np.searchsorted(owner, owner)
        order = purchases.order[line]
        again = np.zeros(len(line), np.float32)
        again[line] = order > order[first]
        return again

    def _table_times(self) -> Int64s:
        """Beginnings of days, the last one after the last purchase."""
        at = self.purchases.at
        first, last = int(at[0] // self.day), int(at[-1] // self.day) + 1
        room = min(MAX_TABLES, max(2, MAX_VALUES // (self.vocabulary_size * N_FACTS)))
        days = np.unique(np.linspace(first, last, min(room, last - first + 1)).astype(np.int64))
        begins: Int64s = np.ceil(days * self.day).astype(np.int64)
        return begins

    def _counts(self, start: int, end: int, weights: Float32s | None = None) -> Float32s:
        # What is newer than the vocabulary lies above it.
        size, chosen = self.vocabulary_size, slice(start, end)
        weight = None if weights is None else weights[chosen]
        counted: Float32s = np.bincount(self.purchases.item[chosen], weight, size)[:size].astype(np.float32)
        return counted


def _log_share(counts: Float32s) -> Float32s:
    """Logarithm of how many lines an item has beside the mean of all: what counts from month to month is not
    how much the shop sells."""
    shares: Float32s = np.log1p(counts) - np.log1p(counts.mean())
    return shares
