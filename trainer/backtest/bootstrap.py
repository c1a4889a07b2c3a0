"""How sure is a figure? Intervals by bootstrap over users.

What one user does hangs together, so users are drawn, with all their answers, and not answers. Each of
DRAWS times as many users are drawn as there are, with replacement, and the figure is computed for them; 95%
of the figures lie in the interval (Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13).
The draws depend on the seed and the number of users alone: all models of a question share them, so that
their figures rise and fall together and can be compared.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import sparse

from serving.features import Int64s
from trainer.backtest.metrics import Pairs, Values

DRAWS = 1_000
BOUNDS = (2.5, 97.5)
"""Percentiles between which the interval lies."""
MAX_WEIGHTS = 4_000_000
"""Most weights that are held at a time."""


class Estimates(NamedTuple):
    """M figures, each with its interval: [M] each."""

    value: Values
    low: Values
    high: Values


def means(sums: Values, counts: Values | Int64s, seed: int) -> Estimates:
    """Means of something over answers, from each user's sums and numbers of answers: [n_users, M] each.

    There must be at least one answer for each figure. A draw in which nobody answered tells nothing about it.
    """
    with np.errstate(invalid="ignore"):
        drawn = np.concatenate([(weights @ sums) / (weights @ counts) for weights in draws(len(sums), seed)])
    low, high = np.nanpercentile(drawn, BOUNDS, axis=0)
    return Estimates(sums.sum(axis=0) / counts.sum(axis=0), low, high)


def coverage(pairs: Pairs, n_users: int, n_items: int, seed: int) -> Estimates:
    """The share of the catalogue that users bring in together: one figure.

    Users who are drawn twice bring in nothing new, so the drawn figures lie below that of all users. What
    is taken from them is how far they scatter around their own median.
    """
    if not len(pairs.item):
        return Estimates(*np.zeros((3, 1)))
    item = np.unique(pairs.item, return_inverse=True)[1]
    ones = np.ones(len(item), np.float32)
    brings = sparse.csr_array((ones, (pairs.user, item)), shape=(n_users, int(item.max()) + 1))
    drawn = np.concatenate([((brings.T @ weights.T) > 0).sum(axis=0) for weights in draws(n_users, seed)])
    n_brought = brings.shape[1]
    low, high = np.clip(n_brought + np.percentile(drawn - np.median(drawn), BOUNDS), 0, n_items)
    return Estimates(*np.array([[n_brought], [low], [high]]) / n_items)


def draws(n_users: int, seed: int) -> Iterator[Values]:
    """How often each user is drawn: arrays [some draws, n_users], DRAWS rows in all."""
    rng = np.random.default_rng(seed)
    at_a_time = max(1, min(DRAWS, MAX_WEIGHTS // max(n_users, 1)))
    for start in range(0, DRAWS, at_a_time):
        rows = min(at_a_time, DRAWS - start)
        yield np.stack([_counted(rng.integers(n_users, size=n_users), n_users) for _ in range(rows)])


def _counted(drawn: Int64s, n_users: int) -> Values:
    return np.bincount(drawn, minlength=n_users).astype(np.float64)
