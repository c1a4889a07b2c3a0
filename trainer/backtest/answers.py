"""A ranker is asked at every moment of a walk."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from serving.features import FIRST_ITEM, Int32s, Int64s
from trainer.backtest import blindness
from trainer.backtest.errors import NoAnswer
from trainer.backtest.questions.question import Step, Walk
from trainer.backtest.ranking import PopularityOrder, standing
from trainer.models.model import Probabilistic, Ranker
from trainer.purchases import Float32s, Moments, Purchases

K = 20
"""Length of the lists that are kept."""
SCORES_AT_A_TIME = 4_000_000
"""Scores that are held at once: moments times items."""


class Answers(NamedTuple):
    """What a ranker said at each of n moments."""

    lists: Int32s
    """Item indices, best first; PADDING where there was nothing more to recommend: [n, K]."""
    probabilities: Float32s | None
    """How likely each listed item is, as the ranker believes: [n, K]."""
    rank: Int64s
    """Rank of the first item that was bought; NO_RANK where it is not known: [n]."""


def answers(ranker: Ranker, walk: Walk, advanced: Callable[[int], None]) -> Answers:
    """All answers of a walk; `advanced` hears how many more there are. The ranker learns on the way, if it can.

    Raises NoAnswer where scores have the wrong shape or are not numbers, LookedAhead where they depend on what
    happened later, and whatever the ranker raises.
    """
    bought = _Bought(walk.past.purchases)
    parts = []
    probed = max(walk.steps, key=lambda step: len(step.moments))
    for step in walk.steps:
        order = bought.order()
        for rows in _batches(len(step.moments), len(order.place)):
            parts.append(_answered(ranker, step, rows, order, walk.bars_open_order))
            advanced(len(parts[-1].rank))
        if step is probed:
            blindness.check(ranker, step.moments)
        if step.meanwhile:
            ranker.observe(step.moments.purchases, *step.meanwhile)
            bought.observe(step.moments.purchases, *step.meanwhile)
    lists, probabilities, rank = zip(*parts, strict=True)
    told = None if any(part is None for part in probabilities) else np.concatenate(probabilities)
    return Answers(np.concatenate(lists), told, np.concatenate(rank))


class _Bought:
    """How often each item that was known at the fit has been bought up to now: what settles ties."""

    def __init__(self, past: Purchases) -> None:
        self._times = np.bincount(past.item, minlength=past.vocabulary_size)

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        size = len(self._times)
        item = purchases.item[start:end]
        self._times += np.bincount(item[item < size], minlength=size)

    def order(self) -> PopularityOrder:
        return PopularityOrder.of(self._times)


def _batches(n: int, vocabulary_size: int) -> Iterator[slice]:
    at_a_time = max(1, SCORES_AT_A_TIME // vocabulary_size)
    for start in range(0, n, at_a_time):
        yield slice(start, min(start + at_a_time, n))


def _answered(ranker: Ranker, step: Step, rows: slice, order: PopularityOrder, bars_open_order: bool) -> Answers:
    moments = step.moments.rows(rows)
    scores = _checked(ranker.scores(moments), (len(moments), len(order.place)))
    standings = standing(scores, order)
    if bars_open_order:
        standings = standings.without(*_in_open_order(moments))
    lists, _ = standings.top(K)
    truths = step.truths
    rank = standings.rank(truths.item[truths.first[:-1][rows]])
    return Answers(lists, _probabilities(ranker, scores, lists), rank)


def _checked(scores: Float32s, shape: tuple[int, int]) -> Float32s:
    if scores.shape != shape:
        raise NoAnswer(f"gave scores of shape {scores.shape}; expected {shape}, a row per moment and a column per item")
    if not np.isfinite(scores[:, FIRST_ITEM:]).all():
        raise NoAnswer("gave scores that are not finite numbers")
    return scores


def _in_open_order(moments: Moments) -> tuple[Int64s, Int32s]:
    """Pairs of moment and item that lies in the open order."""
    _, opened, end = moments.spans
    sizes = end - opened
    row = np.repeat(np.arange(len(moments)), sizes)
    place = np.arange(len(row)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    line = moments.purchases.by_user.line[opened[row] + place]
    return row, moments.purchases.item[line]


def _probabilities(ranker: Ranker, scores: Float32s, lists: Int32s) -> Float32s | None:
    if not isinstance(ranker, Probabilistic):
        return None
    return np.take_along_axis(ranker.probabilities(scores), lists, axis=1)
