"""How good a candidate is beside the version that serves, on orders that neither has seen.

Both are asked the same questions. What one user does hangs together, so the interval of a difference is that of a
bootstrap over users in which both versions share the draws (trainer.backtest.bootstrap).
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias

import numpy as np

from serving.features import Int64s
from trainer.backtest import bootstrap, metrics
from trainer.backtest.metrics import Hits, Truths, Values
from trainer.nightly.questions import Asked
from trainer.nightly.settings import Metric
from trainer.nightly.versions import Lists


class Compared(NamedTuple):
    """One metric of both, and the candidate's lead with its 95% interval."""

    candidate: float
    serving: float
    lead: float
    low: float
    high: float


class Comparison(NamedTuple):
    """The candidate beside one version."""

    version: int
    """The one that serves."""
    n_orders: int
    n_users: int
    metrics: Mapping[Metric, Compared]

    @property
    def figures(self) -> dict[str, float]:
        """All of it under one name each."""
        counts = {"serving_version": self.version, "orders": self.n_orders, "users": self.n_users}
        return {name: float(n) for name, n in counts.items()} | {
            f"{part}_{metric}": value
            for metric, compared in self.metrics.items()
            for part, value in compared._asdict().items()
        }


class _Summed(NamedTuple):
    """For each order: what is summed up, and by what the sum is divided."""

    values: Values
    of: Values | Int64s


_OfLists: TypeAlias = Callable[[Hits, Int64s, int], Values]


def _per_order(metric: _OfLists, k: int) -> Callable[[Truths, Lists], _Summed]:
    def summed(bought: Truths, lists: Lists) -> _Summed:
        values = metric(bought.hits(lists.on_the_visit), bought.n_bought, k)
        return _Summed(values, np.ones(len(values)))

    return summed


def _accuracy(bought: Truths, lists: Lists) -> _Summed:
    """Of all items that were bought, how many stood on the list of five that was there."""
    return _Summed(bought.hits(lists.right_after)[:, :5].sum(axis=1).astype(np.float64), bought.n_bought)


_Measured: TypeAlias = Callable[[Truths, Lists], _Summed]
METRICS: Mapping[Metric, _Measured] = {
    "hit_rate_at_5": _per_order(metrics.hit_rate, 5),
    "ndcg_at_10": _per_order(metrics.ndcg, 10),
    "recall_at_10": _per_order(metrics.recall, 10),
    "accuracy_at_5": _accuracy,
}


def compare(asked: Asked, candidate: Lists, serving: Lists, version: int, seed: int) -> Comparison:
    """Every metric of both versions' lists for the same orders; there must be one at least."""
    users, user = np.unique(asked.user, return_inverse=True)
    compared = {
        metric: _compared(measured(asked.bought, candidate), measured(asked.bought, serving), user, seed)
        for metric, measured in METRICS.items()
    }
    return Comparison(version, len(asked), len(users), compared)


def _compared(candidate: _Summed, serving: _Summed, user: Int64s, seed: int) -> Compared:
    divisors = np.bincount(user, candidate.of)[:, None]
    leads = np.bincount(user, candidate.values - serving.values).astype(np.float64)[:, None]
    lead = bootstrap.means(leads, divisors, seed)
    means = (each.values.sum() / each.of.sum() for each in (candidate, serving))
    return Compared(*map(float, means), *(float(bound[0]) for bound in lead))
