"""ALS: users and items as vectors whose products tell who buys what, by alternating least squares.

    minimise  sum over all users u and items i of  c[u, i] * (p[u, i] - x[u] . y[i])^2  +  l (|x|^2 + |y|^2)
    p = 1 where the user bought the item, else 0;   c = alpha * orders that hold it, 1 where there are none
    scores = x . y

Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets", section 4, as the library
`implicit` computes it. The user's vector is solved anew at each moment, from the history up to then, so new
users and new purchases count at once. The settings are chosen by validation.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from trainer.models.histories import Histories, orders_by_user
from trainer.models.model import Frozen, Grain
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases


class Factors(NamedTuple):
    """Settings of the model."""

    n_factors: int
    """Length of the vectors; no more than there are items."""
    alpha: float
    """How much surer one more order makes."""
    penalty: float
    """l"""
    iterations: int = 15


SETTINGS = (
    Factors(128, alpha=2, penalty=1),
    Factors(64, alpha=1, penalty=0.1),
    Factors(64, alpha=10, penalty=1),
)


class Als:
    """Solves for the vectors of the items.

    settings: to choose from by validation, as Factors or as tuples of their values.
    """

    name = "als"

    def __init__(self, settings: Iterable[tuple[Any, ...]] = SETTINGS, seed: int = 0) -> None:
        self._settings = [Factors(*each) for each in settings]
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "AlsRanker":
        def fit(known: Purchases, settings: Factors) -> AlsRanker:
            return AlsRanker(_trained(known, settings, self._seed))

        return fit(past, chosen(self._settings, fit, past, grain, progress))


class AlsRanker(Frozen):
    """Knows the vectors of the items."""

    def __init__(self, model: AlternatingLeastSquares) -> None:
        self._model = model

    def scores(self, moments: Moments) -> Float32s:
        items = self._model.item_factors
        bought = Histories.of(moments, len(items)).orders()
        with _one_thread():
            users = self._model.recalculate_user(np.arange(len(moments)), bought)
        return np.asarray(users @ items.T, np.float32)


def _trained(past: Purchases, settings: Factors, seed: int) -> AlternatingLeastSquares:
    with _one_thread():
        model = AlternatingLeastSquares(
            factors=min(settings.n_factors, past.n_items),
            regularization=settings.penalty,
            alpha=settings.alpha,
            iterations=settings.iterations,
            num_threads=1,
            random_state=seed,
        )
        model.fit(orders_by_user(past), show_progress=False)
    return model


def _one_thread() -> threadpool_limits:
    """Its many small products are slower on several threads of BLAS, and the library warns of more than one."""
    return threadpool_limits(1, "blas")
