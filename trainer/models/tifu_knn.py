"""TIFU-KNN: what users buy as decayed vectors, each mixed with those of the most similar users.

An order's items count by how long ago it was, in groups of m orders, the oldest group taking what is left over:

    weight(k orders ago) = rg^(k // m) / groups * rb^(k % m) / orders of that group
    u                    = sum over the user's orders of weight * (1 where the order holds the item)
    score                = a * u + (1 - a) * mean of the vectors of the K users with the smallest |u - v|

Hu, He, Gao and Zhang 2020, "Modeling personalized item frequency information for next-basket recommendation",
sections 4.1 to 4.3. The settings are chosen by validation among those that the paper found for its data sets.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from serving.features import Int64s
from trainer.models.histories import Histories
from trainer.models.model import Frozen, Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

MOST_NEIGHBOURS = 20_000
"""Where there are more users, those who bought last are the ones to be compared with."""
ROWS = 256
"""Moments that are compared with all users at a time."""


class Tifu(NamedTuple):
    """Settings of the model, by the paper's names."""

    m: int
    """Orders of one group."""
    rb: float
    """What an order counts relative to the one after it, within a group, 0 to 1."""
    rg: float
    """What a group counts relative to the one after it, 0 to 1."""
    n_nearest: int
    """K"""
    alpha: float
    """a, the share of the user's own vector, 0 to 1."""


SETTINGS = (
    Tifu(m=7, rb=0.9, rg=0.7, n_nearest=300, alpha=0.7),
    Tifu(m=7, rb=0.9, rg=0.7, n_nearest=300, alpha=0.9),
    Tifu(m=3, rb=0.9, rg=0.9, n_nearest=300, alpha=0.7),
    Tifu(m=3, rb=0.9, rg=0.9, n_nearest=300, alpha=0.9),
)


class TifuKnn:
    """Remembers everybody's vector.

    settings: to choose from by validation.
    """

    name = "tifu-knn"

    def __init__(self, settings: Sequence[Tifu] = SETTINGS) -> None:
        self._settings = settings

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "TifuKnnRanker":
        return _fit(past, chosen(self._settings, _fit, past, grain, progress))


class TifuKnnRanker(Frozen):
    """Knows the users of the past; the one who asks is seen as of the moment."""

    def __init__(self, users: Int64s, vectors: sparse.csr_matrix, settings: Tifu) -> None:
        self._users = users
        self._vectors = vectors
        self._transposed = vectors.T.tocsr()
        self._squares = np.asarray(vectors.multiply(vectors).sum(axis=1)).ravel()
        self._settings = settings

    def scores(self, moments: Moments) -> Float32s:
        own = user_vectors(moments, self._vectors.shape[1], self._settings)
        parts = (slice(start, start + ROWS) for start in range(0, len(moments), ROWS))
        near = sparse.vstack([self._nearest(own[rows], moments.user[rows]) for rows in parts])
        alpha = self._settings.alpha
        return np.asarray((alpha * own + (1 - alpha) * (near @ self._vectors)).toarray(), np.float32)

    def _nearest(self, own: sparse.csr_matrix, user: NDArray[np.int32]) -> sparse.csr_matrix:
        """1/K for each of the K nearest other users: [n, users]."""
        distance = self._squares - 2 * (own @ self._transposed).toarray()
        distance[user[:, None] == self._users] = np.inf
        k = min(self._settings.n_nearest, len(self._users))
        nearest = np.argpartition(distance, k - 1, axis=1)[:, :k]
        bounds = np.arange(0, nearest.size + 1, k)
        weight = np.full(nearest.size, 1 / k, np.float32)
        return sparse.csr_matrix((weight, nearest.ravel(), bounds), shape=distance.shape)


def user_vectors(moments: Moments, vocabulary_size: int, settings: Tifu) -> sparse.csr_matrix:
    """[len(moments), V]"""
    histories = Histories.of(moments, vocabulary_size)
    n_orders = histories.newest_order[histories.row] + 1
    return histories.matrix(histories.counts_once * weights(histories.orders_ago, n_orders, settings))


def weights(orders_ago: Int64s, n_orders: Int64s, settings: Tifu) -> NDArray[np.float64]:
    """What an order counts, of a user with so many orders.

    >>> three = Tifu(m=2, rb=0.5, rg=0.1, n_nearest=1, alpha=1)
    >>> weights(np.array([0, 1, 2]), np.array([3, 3, 3]), three).tolist()
    [0.25, 0.125, 0.05]
    """
    group, place = np.divmod(orders_ago, settings.m)
    n_groups = -(-n_orders // settings.m)
    of_group = np.where(group == n_groups - 1, n_orders - (n_groups - 1) * settings.m, settings.m)
    weight: NDArray[np.float64] = settings.rg**group / n_groups * settings.rb**place / of_group
    return weight


def _fit(past: Purchases, settings: Tifu) -> TifuKnnRanker:
    newest = past.by_user.line[past.by_user.first[1:] - 1]
    bought = np.flatnonzero(np.diff(past.by_user.first) > 0)
    users = bought[np.argsort(-newest[bought], kind="stable")[:MOST_NEIGHBOURS]]
    now = np.full(len(users), len(past), np.int64)
    moments = Moments(past, users.astype(np.int32), now, now, now)
    return TifuKnnRanker(users, user_vectors(moments, past.vocabulary_size, settings), settings)
