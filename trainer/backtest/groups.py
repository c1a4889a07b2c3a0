"""Answers in groups, for the curves of a report: where is a model good, and where is it not?"""

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, PADDING, Int32s, Int64s
from trainer.backtest import bootstrap, metrics
from trainer.backtest.answers import Answers
from trainer.backtest.held_out import DAY_S
from trainer.backtest.metrics import Values
from trainer.backtest.questions.question import Kind, Walk
from trainer.backtest.ranking import PopularityOrder
from trainer.backtest.results import By, Point
from trainer.purchases import Float32s, Moments

K = 5
"""Length of the lists that the curves tell about."""
ORDERS = (0, 1, 2, 4, 8, 16)
DAYS = (0, 1, 7, 30, 90, 180)
PERCENT_OF_CATALOGUE = (0, 1, 5, 20, 50)
PERCENT_SURE = (0, 1, 2, 5, 10, 20, 30, 50, 70, 90)


class Groups(NamedTuple):
    """m answers, or parts of them, each in one of G groups."""

    by: By
    labels: tuple[str, ...]
    """[G]"""
    group: Int64s
    """Number of the group; -1 for what belongs to none: [m]."""
    x: Values
    """What the groups are made by: [m]."""
    user: Int64s
    """[m]"""


class Curve(NamedTuple):
    """How a metric goes along groups."""

    by: By
    metric: str
    points: tuple[Point, ...]


def groups_of(walk: Walk) -> tuple[Groups, ...]:
    """The groups that do not depend on the model."""
    timed = (_by_recency(walk),) if walk.past.purchases.is_timed else ()
    return (_by_history_length(walk), *timed, _by_item_popularity(walk))


def curves(kind: Kind, walk: Walk, groups: tuple[Groups, ...], given: Answers, seed: int) -> tuple[Curve, ...]:
    """All curves of one model at one question; none where ranks are what counts."""
    if kind is Kind.RANKS:
        return ()
    hits = walk.truths.hits(given.lists)
    hit = metrics.hit_rate(hits, walk.truths.n_bought, K)
    listed = _bought_was_listed(walk, given)
    of_list = f"{'Accuracy' if kind is Kind.LINES else 'HitRate'}@{K}"
    found = [
        Curve(one.by, f"Recall@{K}", _points(one, listed, seed))
        if one.by is By.ITEM_POPULARITY
        else Curve(one.by, of_list, _points(one, hit, seed))
        for one in groups
    ]
    if given.probabilities is not None:
        by_probability = _by_probability(walk.user, given.lists, given.probabilities)
        found.append(Curve(By.CALIBRATION, "share that came true", _points(by_probability, hits.ravel(), seed)))
    return tuple(curve for curve in found if curve.points)


def _bought_was_listed(walk: Walk, given: Answers) -> NDArray[np.bool_]:
    """For each bought item whether it was on the list: as many as `walk.truths` has items."""
    lists = metrics.Truths.sets(np.repeat(np.arange(len(given.lists)), K), given.lists[:, :K].ravel(), len(given.lists))
    base = int(max(walk.truths.item.max(initial=0), lists.item.max(initial=0))) + 1
    return np.isin(walk.truths.row * base + walk.truths.item, lists.row * base + lists.item)


def _by_history_length(walk: Walk) -> Groups:
    n_orders = np.concatenate([_orders_before(step.moments) for step in walk.steps])
    return Groups(By.HISTORY_LENGTH, _ranges(ORDERS), _group(n_orders, ORDERS), n_orders.astype(float), walk.user)


def _orders_before(moments: Moments) -> Int64s:
    """How many orders each user had placed and closed: [n]."""
    newest, has_any = _newest_closed(moments)
    return np.where(has_any, moments.purchases.user_order[newest] + 1, 0)


def _by_recency(walk: Walk) -> Groups:
    days = np.concatenate([_days_since(step.moments) for step in walk.steps])
    group = np.where(np.isnan(days), -1, _group(np.nan_to_num(days), DAYS))
    return Groups(By.RECENCY, tuple(f"{label} days" for label in _ranges(DAYS)), group, days, walk.user)


def _days_since(moments: Moments) -> Values:
    """Whole days since the last closed order; not a number for who has none: [n]."""
    newest, has_any = _newest_closed(moments)
    return np.where(has_any, (moments.as_of - moments.purchases.at[newest]) // DAY_S, np.nan)


def _newest_closed(moments: Moments) -> tuple[Int64s, NDArray[np.bool_]]:
    """The newest line of each user's closed orders, and whether there is one."""
    start, opened, _ = moments.spans
    has_any = opened > start
    return moments.purchases.by_user.line[np.where(has_any, opened - 1, 0)], has_any


def _by_item_popularity(walk: Walk) -> Groups:
    past, item = walk.past.purchases, walk.truths.item
    order = PopularityOrder.of(np.bincount(past.item, minlength=past.vocabulary_size))
    known = item < past.vocabulary_size
    percent = 100 * order.place[np.where(known, item, FIRST_ITEM)] / past.n_items
    labels = (f"top {PERCENT_OF_CATALOGUE[1]}%", *_percents(PERCENT_OF_CATALOGUE[1:]))
    group = np.where(known, _group(percent, PERCENT_OF_CATALOGUE), len(labels))
    x = np.where(known, percent, 100.0)
    return Groups(By.ITEM_POPULARITY, (*labels, "never sold before"), group, x, walk.user[walk.truths.row])


def _by_probability(user: Int64s, lists: Int32s, probabilities: Float32s) -> Groups:
    """Everything listed; the empty places of short lists belong to no group."""
    percent = 100 * probabilities.ravel().astype(np.float64)
    group = np.where(lists.ravel() == PADDING, -1, _group(percent, PERCENT_SURE))
    return Groups(By.CALIBRATION, _percents(PERCENT_SURE), group, percent / 100, np.repeat(user, lists.shape[1]))


def _percents(lower: tuple[int, ...]) -> tuple[str, ...]:
    """Stretches up to the whole.

    >>> _percents((0, 1, 5))
    ('0-1%', '1-5%', '5-100%')
    """
    return tuple(f"{low}-{high}%" for low, high in pairwise((*lower, 100)))


def _group(x: NDArray[np.floating] | Int64s, lower: tuple[int, ...]) -> Int64s:
    """The last group whose lower bound is not above x."""
    return np.searchsorted(lower, x, side="right") - 1


def _ranges(lower: tuple[int, ...]) -> tuple[str, ...]:
    """Whole numbers in words.

    >>> _ranges((0, 1, 2, 4))
    ('0', '1', '2-3', '4+')
    """
    spans = pairwise(lower)
    return (*(str(low) if high == low + 1 else f"{low}-{high - 1}" for low, high in spans), f"{lower[-1]}+")


def _points(groups: Groups, values: NDArray[Any], seed: int) -> tuple[Point, ...]:
    """The mean of the values in each group that has any."""
    users, row = np.unique(groups.user, return_inverse=True)
    inside = groups.group >= 0
    shape = (len(users), len(groups.labels))
    cell = (row * shape[1] + groups.group)[inside]
    sums, counts, x = (
        np.bincount(cell, weights[inside], shape[0] * shape[1]).astype(np.float64).reshape(shape)
        for weights in (values, np.ones(len(values)), groups.x)
    )
    n = counts.sum(axis=0)
    filled = np.flatnonzero(n)
    if not len(filled):
        return ()
    estimates = bootstrap.means(sums[:, filled], counts[:, filled], seed)
    centre = x.sum(axis=0)[filled] / n[filled]
    return tuple(
        Point(groups.labels[group], float(x), float(value), float(low), float(high), int(n[group]))
        for group, x, value, low, high in zip(filled, centre, *estimates, strict=True)
    )
