"""BPR: users and items as vectors, learnt from pairs: what a user bought above what the user did not buy.

    maximise  sum over orders of u, i in the order, j never bought by u, of
              log sigmoid(x[u] . (y[i] - y[j]) + b[i] - b[j])  -  l (|x|^2 + |y|^2 + b^2)
    scores = x . y + b

Rendle, Freudenthaler, Gantner and Schmidt-Thieme 2009, "BPR: Bayesian personalized ranking from implicit
feedback", sections 4 and 5.1, as the library `implicit` computes it. What was bought in many orders is drawn as
many times, for people buy again. A user's vector is as it was learnt from the past; who was not in it has none,
and is offered what is popular. The settings are chosen by validation.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from implicit.bpr import BayesianPersonalizedRanking
from scipy import sparse

from trainer.models.histories import orders_by_user
from trainer.models.model import Grain
from trainer.models.user_factors import UserFactorsRanker
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Purchases


class Steps(NamedTuple):
    """Settings of the model."""

    n_factors: int
    """Length of the vectors."""
    learning_rate: float
    penalty: float
    """l"""
    epochs: int


SETTINGS = (
    Steps(128, learning_rate=0.05, penalty=0.0003, epochs=20),
    Steps(128, learning_rate=0.02, penalty=0.0003, epochs=60),
)


class Bpr:
    """Draws pairs, and learns from each.

    settings: to choose from by validation, as Steps or as tuples of their values.
    """

    name = "bpr"

    def __init__(self, settings: Iterable[tuple[Any, ...]] = SETTINGS, seed: int = 0) -> None:
        self._settings = [Steps(*each) for each in settings]
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> UserFactorsRanker:
        def fit(known: Purchases, settings: Steps) -> UserFactorsRanker:
            return _trained(known, settings, self._seed)

        return fit(past, chosen(self._settings, fit, past, grain, progress))


def _trained(past: Purchases, settings: Steps, seed: int) -> UserFactorsRanker:
    model = BayesianPersonalizedRanking(
        factors=settings.n_factors,
        learning_rate=settings.learning_rate,
        regularization=settings.penalty,
        iterations=settings.epochs,
        num_threads=1,
        random_state=seed,
    )
    model.fit(_one_cell_per_order(past), show_progress=False)
    return UserFactorsRanker(past, model.user_factors, model.item_factors)


def _one_cell_per_order(past: Purchases) -> sparse.csr_matrix:
    """Users x items, where a pair stands as often as there are orders with it: the library draws among cells."""
    summed = orders_by_user(past)
    summed.sort_indices()
    n = summed.data.astype(np.int64)
    bounds = np.append(0, np.cumsum(n))[summed.indptr]
    item = np.repeat(summed.indices, n)
    return sparse.csr_matrix((np.ones(len(item), np.float32), item, bounds), shape=summed.shape)
