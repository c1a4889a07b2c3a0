"""What users had bought by the moments at which they ask, as sparse rows that models compute with.

    moments  ->  Histories  ->  one weight per line  ->  matrix [moments, V]

Lines of items that a model has never seen carry no score of its own; they are left out here, once for all.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from serving.features import Int32s, Int64s
from trainer.purchases import Float32s, Moments, Purchases, runs


@dataclass(frozen=True)
class Histories:
    """The m lines that n users had bought, each user's oldest first; an open order's are among them."""

    purchases: Purchases
    vocabulary_size: int
    """V of the model: items from here on are unknown to it."""
    line: Int64s
    """Positions of the lines in `purchases`: [m]."""
    bounds: Int64s
    """Where each user's lines begin, and at last m: [n + 1]."""
    newest_order: Int64s
    """`user_order` of each user's newest line, 0 where there is none: [n]."""

    @classmethod
    def of(cls, moments: Moments, vocabulary_size: int) -> "Histories":
        start, _, end = moments.spans
        purchases = moments.purchases
        line = purchases.by_user.line[runs(start, end)]
        known = purchases.item[line] < vocabulary_size
        kept = np.append(0, np.cumsum(known))
        bounds = kept[np.append(0, np.cumsum(end - start))]
        newest = purchases.by_user.line[np.maximum(end - 1, 0)]
        newest_order = np.where(end > start, purchases.user_order[newest], 0)
        return cls(purchases, vocabulary_size, line[known], bounds, newest_order)

    @cached_property
    def row(self) -> Int64s:
        """Whose line it is: [m]."""
        return np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))

    @cached_property
    def item(self) -> Int32s:
        """[m]"""
        return self.purchases.item[self.line]

    @cached_property
    def orders_ago(self) -> Int64s:
        """0 in the user's newest order, which is the open one if there is one, 1 in the order before: [m]."""
        return self.newest_order[self.row] - self.purchases.user_order[self.line]

    @cached_property
    def counts_once(self) -> NDArray[np.bool_]:
        """False where the order held the item already, so that orders are counted and not lines: [m]."""
        return ~self.purchases.is_repeated[self.line]

    def matrix(self, weight: NDArray[np.generic]) -> sparse.csr_matrix:
        """The weights [m] of the lines summed up by user and item: [n, V]."""
        shape = (len(self.bounds) - 1, self.vocabulary_size)
        # A copy, because cells of one item are summed up in place, and the columns are used again.
        summed = sparse.csr_matrix((weight.astype(np.float32), self.item, self.bounds), shape=shape, copy=True)
        summed.sum_duplicates()
        return summed

    def orders(self, decay: float = 1.0) -> sparse.csr_matrix:
        """In how many orders each item lay, one of k orders ago counting decay^k: [n, V]."""
        return self.matrix(self.counts_once * decay**self.orders_ago)


def orders_by_user(past: Purchases) -> sparse.csr_matrix:
    """In how many orders of each user each item lay: [n_users, V]."""
    line = past.by_user.line
    once = (~past.is_repeated[line]).astype(np.float32)
    shape = (past.n_users, past.vocabulary_size)
    summed = sparse.csr_matrix((once, past.item[line], past.by_user.first), shape=shape)
    summed.sum_duplicates()
    return summed


def dense(rows: sparse.csr_matrix) -> Float32s:
    """[n, V]"""
    array: Float32s = np.asarray(rows.toarray(), np.float32)
    return array
