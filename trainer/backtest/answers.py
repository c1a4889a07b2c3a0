"""A ranker is asked at every moment of a walk, or of several that are alike."""

from collections.abc import Callable, Iterator, Sequence
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


def answers(ranker: Ranker, walks: Sequence[Walk], advanced: Callable[[int], None]) -> list[Answers]:
    """All answers of each walk; `advanced` hears how many more moments are done. The ranker learns on the way, if it
    can.

    There may be several walks where they are alike (`Walk.is_like`) and the ranker learns on none of them: its scores
    are the same on all, and are asked for once.

    Raises NoAnswer where scores have the wrong shape or are not numbers, LookedAhead where they depend on what
    happened later, and whatever the ranker raises.
    """
    sheets = [_Sheet(walk) for walk in walks]
    probed = max(walks[0].steps, key=lambda step: len(step.moments))
    for steps in zip(*(walk.steps for walk in walks), strict=True):
        _ask(ranker, steps, sheets, advanced)
        if steps[0] is probed:
            blindness.check(ranker, probed.moments)
        for step, sheet in zip(steps, sheets, strict=True):
            if step.meanwhile:
                ranker.observe(step.moments.purchases, *step.meanwhile)
                sheet.observe(step.moments.purchases, *step.meanwhile)
    return [sheet.answers() for sheet in sheets]


class _Sheet:
    """The answers of one walk, as they come in."""

    def __init__(self, walk: Walk) -> None:
        past = walk.past.purchases
        self._bars_open_order = walk.bars_open_order
        self._bought = np.bincount(past.item, minlength=past.vocabulary_size)
        self._parts: list[Answers] = []

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        """Ties go by what has been bought up to now, of the items that were known at the fit."""
        size = len(self._bought)
        item = purchases.item[start:end]
        self._bought += np.bincount(item[item < size], minlength=size)

    def order(self) -> PopularityOrder:
        return PopularityOrder.of(self._bought)

    def add(self, ranker: Ranker, scores: Float32s, order: PopularityOrder, moments: Moments, first: Int32s) -> None:
        """What scores [n, V] at n moments come to; `first` [n] is the first item that was bought after each."""
        standings = standing(scores, order)
        if self._bars_open_order:
            standings = standings.without(*moments.open_items)
        lists, _ = standings.top(K)
        self._parts.append(Answers(lists, _probabilities(ranker, scores, lists), standings.rank(first)))

    def answers(self) -> Answers:
        lists, probabilities, rank = zip(*self._parts, strict=True)
        told = None if any(part is None for part in probabilities) else np.concatenate(probabilities)
        return Answers(np.concatenate(lists), told, np.concatenate(rank))


def _ask(ranker: Ranker, steps: Sequence[Step], sheets: Sequence[_Sheet], advanced: Callable[[int], None]) -> None:
    """The same step of several walks."""
    orders = [sheet.order() for sheet in sheets]
    for rows in _batches(len(steps[0].moments), len(orders[0].place)):
        moments = steps[0].moments.rows(rows)
        scores = _checked(ranker.scores(moments), (len(moments), len(orders[0].place)))
        for step, sheet, order in zip(steps, sheets, orders, strict=True):
            sheet.add(ranker, scores, order, moments, step.truths.item[step.truths.first[:-1][rows]])
        advanced(len(moments))


def _batches(n: int, vocabulary_size: int) -> Iterator[slice]:
    at_a_time = max(1, SCORES_AT_A_TIME // vocabulary_size)
    for start in range(0, n, at_a_time):
        yield slice(start, min(start + at_a_time, n))


def _checked(scores: Float32s, shape: tuple[int, int]) -> Float32s:
    if scores.shape != shape:
        raise NoAnswer(f"gave scores of shape {scores.shape}; expected {shape}, a row per moment and a column per item")
    if not np.isfinite(scores[:, FIRST_ITEM:]).all():
        raise NoAnswer("gave scores that are not finite numbers")
    return scores


def _probabilities(ranker: Ranker, scores: Float32s, lists: Int32s) -> Float32s | None:
    if not isinstance(ranker, Probabilistic):
        return None
    return np.take_along_axis(ranker.probabilities(scores), lists, axis=1)
