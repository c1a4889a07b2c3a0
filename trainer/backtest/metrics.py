"""The metrics of the field, over ranked lists and what was truly bought.

A list is a row of item indices, best first; a truth is the set of different items that were bought. Items
that no model could know count as bought and are missed by all. Every function is pure and takes

    hits      [n, K]  whether the item at each rank of each list was bought
    n_bought  [n]     how many different items were bought, known or not; at least 1
    k                 length of the list that counts, at most K

and gives one value for each list: [n]. Formulas are those of Manning, Raghavan and Schütze 2008,
"Introduction to Information Retrieval", chapter 8, where nothing else is said.
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from serving.features import PADDING, Int32s, Int64s

Hits: TypeAlias = NDArray[np.bool_]
Values: TypeAlias = NDArray[np.float64]


class Truths(NamedTuple):
    """What was bought after each of n questions: sets of different items, one after the other."""

    item: Int32s
    """The items of all sets, ascending within each: [m]."""
    first: Int64s
    """Where each set begins in `item`, and at last m: [n + 1]."""

    def __len__(self) -> int:
        return len(self.first) - 1

    @property
    def n_bought(self) -> Int64s:
        return np.diff(self.first)

    @property
    def row(self) -> Int64s:
        """Which question each item answers: [m]."""
        return np.repeat(np.arange(len(self)), self.n_bought)

    def hits(self, lists: Int32s) -> Hits:
        """Which items of the lists [n, K] were bought."""
        base = int(max(self.item.max(initial=PADDING), lists.max(initial=PADDING))) + 1
        bought = self.row * base + self.item
        listed = np.arange(len(lists))[:, None] * base + lists
        found = np.minimum(np.searchsorted(bought, listed), max(len(bought) - 1, 0))
        return bought[found] == listed if len(bought) else np.zeros(lists.shape, np.bool_)

    @classmethod
    def single(cls, item: Int32s) -> "Truths":
        """One item for each question."""
        return cls(item, np.arange(len(item) + 1))

    @classmethod
    def sets(cls, row: Int64s, item: Int32s, n: int) -> "Truths":
        """From pairs of question and item, in any order, repeats included; n questions."""
        base = int(item.max(initial=PADDING)) + 1
        rows, items = np.divmod(np.unique(row.astype(np.int64) * base + item), base)
        return cls(items.astype(np.int32), np.searchsorted(rows, np.arange(n + 1)))


def precision(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """Precision@k: the share of the list that was bought.

        |list of k & bought| / k

    Formula 1 of Amazon's paper on soft splits (Rybakov et al. 2018).
    """
    return _values(hits[:, :k].sum(axis=1) / k)


def recall(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """Recall@k: the share of what was bought that the list named.

    |list of k & bought| / |bought|
    """
    return _values(hits[:, :k].sum(axis=1) / n_bought)


def hit_rate(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """HitRate@k: 1 where anything on the list was bought, else 0.

    Where one item is bought at a time, this is the top-k accuracy.
    """
    return _values(hits[:, :k].any(axis=1))


def reciprocal_rank(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """MRR@k: one over the rank of the first item that was bought; 0 where none of the k was."""
    first = hits[:, :k].argmax(axis=1)
    return _values(np.where(hits[:, :k].any(axis=1), 1 / (1 + first), 0))


def average_precision(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """MAP@k: the mean of the precision at each rank of an item that was bought.

    sum over ranks r <= k with a hit of Precision@r / min(k, |bought|)
    """
    found = hits[:, :k]
    at_rank = found.cumsum(axis=1) / np.arange(1, found.shape[1] + 1)
    return _values((at_rank * found).sum(axis=1) / np.minimum(k, n_bought))


def ndcg(hits: Hits, n_bought: Int64s, k: int) -> Values:
    """NDCG@k: the discounted gain of the list, as a share of the best list's.

        sum over ranks r <= k with a hit of 1 / log2(r + 1), over the same for hits at ranks 1..min(k, |bought|)

    Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR techniques", with gains of 0 and 1.
    """
    discount = 1 / np.log2(np.arange(2, k + 2))
    best = discount.cumsum()[np.minimum(n_bought, k) - 1]
    return _values(hits[:, :k] @ discount[: hits.shape[1]] / best)


def _values(of_lists: ArrayLike) -> Values:
    return np.asarray(of_lists, np.float64)


PER_LIST = {
    "Precision": precision,
    "Recall": recall,
    "HitRate": hit_rate,
    "MRR": reciprocal_rank,
    "MAP": average_precision,
    "NDCG": ndcg,
}
"""Metrics that give each list a value, by their name in the report."""


class Pairs(NamedTuple):
    """Different pairs of user and item, the basis of the two coverages: which user brings which item in."""

    user: Int64s
    item: Int32s


def listed(user: Int64s, lists: Int32s, k: int) -> Pairs:
    """Coverage@k counts the different items on anybody's list, as a share of the catalogue.

        |union of all lists of k| / n_items

    `user` is the user of each list: [n]. Ge, Delgado and Jannach 2010, "Beyond accuracy".
    """
    return _pairs(user, lists[:, :k], lists[:, :k] != PADDING)


def listed_and_bought(user: Int64s, lists: Int32s, hits: Hits, k: int) -> Pairs:
    """Product Converted Coverage@k counts the different items that were listed to a user who bought them.

        |union over users of (list of k & bought)| / n_items

    Formula 2 of Amazon's paper on soft splits (Rybakov et al. 2018).
    """
    return _pairs(user, lists[:, :k], hits[:, :k])


def _pairs(user: Int64s, lists: Int32s, counted: Hits) -> Pairs:
    rows, columns = np.nonzero(counted)
    item = lists[rows, columns]
    base = int(item.max(initial=PADDING)) + 1
    users, items = np.divmod(np.unique(user[rows].astype(np.int64) * base + item), base)
    return Pairs(users, items.astype(np.int32))
