"""Markov chain over orders: what lies in the order after one that holds a certain item.

    C[x, y] = sum over pairs of an order and the same user's next one, x in the first and y in the second,
              of 2^(-age / half-life);   n[x] the same sum over pairs with x in the first

                     mean over x in the user's newest order of
                     C[x, y] + k * share of orders with y
    score(y) =      --------------------------------------   +  w * own(y)
                             n[x] + k

    own(y)  = share of the user's own orders that hold y

The chain of Rendle, Freudenthaler and Schmidt-Thieme 2010 ("Factorizing personalized Markov chains for
next-basket recommendation", section 4.2: a set's transition is the mean of its items'), counted and not
factorised, as the stream goes on.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from serving.features import Int64s
from trainer.models.forgetting import Forgetting
from trainer.models.histories import Histories
from trainer.purchases import Float32s, Moments, Purchases, runs


class OrderSettings(NamedTuple):
    """Of the chain over orders."""

    half_life: float
    """Days after which a pair of orders counts half."""
    smoothing: float
    """k, in pairs of orders."""
    own: float
    """w"""


class OrderMarkovRanker:
    """Knows which items follow in the next order, as it counts at the newest line that was observed."""

    def __init__(self, vocabulary_size: int, settings: OrderSettings, forgetting: Forgetting) -> None:
        self._settings = settings
        self._forgetting = forgetting
        self._followers = sparse.csr_matrix((vocabulary_size, vocabulary_size), dtype=np.float32)
        self._pairs: NDArray[np.float64] = np.zeros(vocabulary_size)
        self._held: NDArray[np.float64] = np.zeros(vocabulary_size)
        self._orders = 0.0

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        first, last = np.searchsorted(purchases.order_starts, (start, end))
        orders = np.arange(first, last)
        at = purchases.at[purchases.order_starts[orders]]
        faded = self._forgetting.advance(at)
        weight = self._forgetting.weight(at)
        size = len(self._pairs)
        second = orders_as_rows(purchases, orders, size)
        before = order_before(purchases)[orders]
        follows = before >= 0
        pair_weight = sparse.diags_array(weight[follows])
        weighted = (pair_weight @ orders_as_rows(purchases, before[follows], size)).T.tocsr()
        self._followers = (self._followers * faded + weighted @ second[follows]).astype(np.float32)
        self._pairs = self._pairs * faded + np.asarray(weighted.sum(axis=1)).ravel()
        self._held = self._held * faded + second.T @ weight
        self._orders = self._orders * faded + weight.sum()

    def scores(self, moments: Moments) -> Float32s:
        histories = Histories.of(moments, len(self._pairs))
        k = self._settings.smoothing
        newest = histories.matrix(histories.counts_once & (histories.orders_ago == 0))
        size = np.maximum(np.asarray(newest.sum(axis=1)), 1)
        share = newest.multiply(1 / size).multiply(1 / (self._pairs + k)).tocsr()
        own = histories.orders().multiply(self._settings.own / np.maximum(histories.newest_order + 1, 1)[:, None])
        scores = (share @ self._followers + own).toarray()
        fallback = np.asarray(share.sum(axis=1)) * k
        fallback[np.diff(newest.indptr) == 0] = 1
        scores += fallback * (self._held / max(self._orders, 1.0))
        return np.asarray(scores, np.float32)


def orders_as_rows(purchases: Purchases, orders: Int64s, vocabulary_size: int) -> sparse.csr_matrix:
    """1 where an order holds an item that is known: [len(orders), V]."""
    starts = np.append(purchases.order_starts, len(purchases))
    line = runs(starts[orders], starts[orders + 1])
    counted = ~purchases.is_repeated[line] & (purchases.item[line] < vocabulary_size)
    row = np.repeat(np.arange(len(orders)), starts[orders + 1] - starts[orders])
    cells = (row[counted], purchases.item[line[counted]])
    return sparse.csr_matrix((np.ones(counted.sum(), np.float32), cells), shape=(len(orders), vocabulary_size))


def order_before(purchases: Purchases) -> Int64s:
    """For each order: the same user's order before it, -1 if there is none: [n_orders]."""
    user = purchases.user[purchases.order_starts]
    by_user = np.argsort(user, kind="stable")
    before = np.empty(len(user), np.int64)
    before[by_user] = np.append(-1, by_user[:-1])
    before[by_user[np.diff(user[by_user], prepend=-1) != 0]] = -1
    return before
