"""Item to item: what is bought together with what the user has bought.

    B        = orders x items, or users x items: 1 where the item was bought
    s(x, y)  = B[:, x] . B[:, y] / (|B[:, x]| |B[:, y]|)      the cosine, kept for the K nearest items of each x
    score(y) = sum over orders of the user, k orders ago, of decay^k * sum over x in the order of s(x, y)

Item-based collaborative filtering (Linden, Smith and York 2003, "Amazon.com recommendations: item-to-item
collaborative filtering"; Deshpande and Karypis 2004, "Item-based top-n recommendation algorithms", section 4).
An item is its own nearest neighbour, so what was bought often is offered again.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import numpy as np
from implicit.nearest_neighbours import all_pairs_knn
from scipy import sparse
from scipy.sparse import linalg

from trainer.models.histories import Histories, orders_by_user
from trainer.models.markov_orders import orders_as_rows
from trainer.models.model import Frozen, Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases


class Together(StrEnum):
    """What two items must have in common to be near."""

    ORDERS = "orders"
    USERS = "users"


class Nearness(NamedTuple):
    """Settings of the model."""

    together: Together
    decay: float
    """What an order counts relative to the one after it, 0 to 1."""
    n_nearest: int = 200
    """K"""


SETTINGS = (
    Nearness(Together.ORDERS, decay=1.0),
    Nearness(Together.ORDERS, decay=0.8),
    Nearness(Together.ORDERS, decay=0.1),
    Nearness(Together.USERS, decay=1.0),
)


class ItemToItem:
    """Compares items once, when it is fit.

    settings: to choose from by validation.
    """

    name = "item-to-item"

    def __init__(self, settings: Sequence[Nearness] = SETTINGS) -> None:
        self._settings = settings

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "ItemToItemRanker":
        return _fit(past, chosen(self._settings, _fit, past, grain, progress))


class ItemToItemRanker(Frozen):
    """Knows how near items are: [V, V]."""

    def __init__(self, near: sparse.csr_matrix, decay: float) -> None:
        self._near = near
        self._decay = decay

    def scores(self, moments: Moments) -> Float32s:
        history = Histories.of(moments, self._near.shape[0]).orders(self._decay)
        return np.asarray((history @ self._near).toarray(), np.float32)


def _fit(past: Purchases, settings: Nearness) -> ItemToItemRanker:
    return ItemToItemRanker(nearest(past, settings), settings.decay)


def nearest(past: Purchases, settings: Nearness) -> sparse.csr_matrix:
    """The cosines of each item's K nearest ones, itself among them: [V, V]."""
    if settings.together is Together.USERS:
        bought = orders_by_user(past).sign()
    else:
        bought = orders_as_rows(past, np.arange(len(past.order_starts)), past.vocabulary_size)
    length = np.maximum(linalg.norm(bought, axis=0), 1)
    directions = (bought @ sparse.diags_array(1 / length)).tocsr().astype(np.float64)
    near = all_pairs_knn(directions, settings.n_nearest, num_threads=1, show_progress=False)
    return near.tocsr().astype(np.float32)
