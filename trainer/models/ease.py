"""EASE: a linear autoencoder of what users buy, in closed form.

    X = users x items, in how many of their orders
    B = argmin |X - XB|^2 + l |B|^2  with zeros on the diagonal
    P = (X'X + l I)^-1,   B[i, j] = -P[i, j] / P[j, j],   scores = x B

Steck 2019, "Embarrassingly shallow autoencoders for sparse data", section 3. The zeros on the diagonal forbid
that an item speaks for itself, so a habit is only seen through what is bought beside it. X holds counts and not
the paper's zeros and ones: where people buy again, how often matters. The penalty l is chosen by validation.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse

from serving.features import FIRST_ITEM, Int64s
from trainer.models.histories import Histories, orders_by_user
from trainer.models.model import Frozen, Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

MOST_ITEMS = 10_000
"""The matrix of all pairs must fit into memory; rarer items than these are left to popularity."""


class Ease:
    """Learns how much each item says about each other.

    penalty: l, in the units of X'X; of several the best is taken.
    """

    name = "ease"

    def __init__(self, penalty: Sequence[float] = (5, 30, 200, 1_000)) -> None:
        self._penalties = penalty

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "EaseRanker":
        return _fit(past, chosen(self._penalties, _fit, past, grain, progress))


class EaseRanker(Frozen):
    """Knows what each of the items says about the others: [len(items), len(items)]."""

    def __init__(self, vocabulary_size: int, items: Int64s, says: Float32s) -> None:
        self._vocabulary_size = vocabulary_size
        self._items = items
        self._says = says

    def scores(self, moments: Moments) -> Float32s:
        bought = Histories.of(moments, self._vocabulary_size).orders()
        scores = np.zeros((len(moments), self._vocabulary_size), np.float32)
        scores[:, self._items] = bought[:, self._items] @ self._says
        return scores


def _fit(past: Purchases, penalty: float) -> EaseRanker:
    bought = orders_by_user(past)
    items = _most_bought(bought)
    return EaseRanker(past.vocabulary_size, items, weights(bought[:, items], penalty))


def _most_bought(bought: sparse.csr_matrix) -> Int64s:
    orders = np.asarray(bought.sum(axis=0)).ravel()[FIRST_ITEM:]
    return np.sort(np.argsort(-orders, kind="stable")[:MOST_ITEMS]) + FIRST_ITEM


def weights(bought: sparse.csr_matrix, penalty: float) -> Float32s:
    """B of X: [items, items]."""
    gram = np.asarray((bought.T @ bought).toarray(), np.float32)
    gram[np.diag_indices_from(gram)] += penalty
    inverse: NDArray[np.float32] = linalg.inv(gram, overwrite_a=True, check_finite=False)
    inverse /= -np.diag(inverse)
    np.fill_diagonal(inverse, 0)
    return inverse
