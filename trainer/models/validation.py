"""Settings are chosen on the newest tenth of the past, as the backtest itself will ask: the future stays unseen.

    past  =  known, then held out
    known     -> fit with each setting
    held out  -> the same questions to each, in the order of time; what has happened is observed in between
    the setting with the best accuracy is taken, then everything is learnt from the whole past

Accuracy@5 is the share of hits on lists of five, of as many as there could be: hits / min(5, items bought). An
order is asked about where it is the first of a user who was known; a line wherever its item was known, and what
lies in the open order is not offered again.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple, TypeVar

import numpy as np
from scipy import sparse

from serving.features import Int64s
from trainer.backtest.ranking import PopularityOrder, standing
from trainer.models.model import Grain, Ranker
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases, runs

S = TypeVar("S")
Fit = Callable[[Purchases, S], Ranker]

HELD_OUT = 0.1
MOST_MOMENTS = 2_000
STEPS = 8
"""How often the rankers observe what has happened, within the held-out time."""
K = 5


class Questions(NamedTuple):
    """What is asked, and what was bought then."""

    known: Purchases
    moments: Moments
    bought: sparse.csr_matrix
    """Items that count as hits: [n, V]."""


def chosen(settings: Sequence[S], fit: Fit[S], past: Purchases, grain: Grain, progress: Progress) -> S:
    """The best of the settings; the first one where there is no choice, or nothing to measure it on."""
    if len(settings) == 1:
        return settings[0]
    questions = held_out(past, grain)
    if not len(questions.moments):
        return settings[0]
    accuracies = [accuracy(fit(questions.known, setting), questions) for setting in settings]
    best = int(np.argmax(accuracies))
    progress.noted(f"{settings[best]} chosen, accuracy@{K} {accuracies[best]:.3f} on the newest of the past")
    return settings[best]


def held_out(past: Purchases, grain: Grain) -> Questions:
    """Questions about the newest part of a past, spread evenly over it."""
    starts = past.order_starts
    split = int(starts[np.searchsorted(starts, len(past) * (1 - HELD_OUT))]) if len(past) else 0
    known = past.before(split)
    if grain is Grain.ORDER:
        start, end = _first_orders(past, known)
    else:
        start = split + np.flatnonzero(past.item[split:] < known.vocabulary_size)
        end = start + 1
    asked = np.unique(np.linspace(0, len(start) - 1, MOST_MOMENTS).astype(int)) if len(start) else slice(0)
    return Questions(known, _moments(past, start[asked], grain), _bought(past, known, start[asked], end[asked]))


def _first_orders(past: Purchases, known: Purchases) -> tuple[Int64s, Int64s]:
    """Where the first held-out order of each known user starts and ends."""
    starts = past.order_starts
    ends = np.append(starts[1:], len(past))
    held = starts >= len(known)
    starts, ends = starts[held], ends[held]
    users, first = np.unique(past.user[starts], return_index=True)
    first = np.sort(first[np.isin(users, known.user)])
    return starts[first], ends[first]


def _moments(past: Purchases, before: Int64s, grain: Grain) -> Moments:
    starts = past.order_starts
    order_start = starts[np.searchsorted(starts, before, side="right") - 1]
    open_from = order_start if grain is Grain.LINE else before
    return Moments(past, past.user[before], before, past.at[before], open_from)


def _bought(past: Purchases, known: Purchases, start: Int64s, end: Int64s) -> sparse.csr_matrix:
    line = runs(start, end)
    row = np.repeat(np.arange(len(start)), end - start)
    is_known = past.item[line] < known.vocabulary_size
    cells = (row[is_known], past.item[line[is_known]])
    shape = (len(start), known.vocabulary_size)
    return sparse.csr_matrix((np.ones(is_known.sum(), np.float32), cells), shape=shape).minimum(1)


def accuracy(ranker: Ranker, questions: Questions) -> float:
    """Accuracy@5, the mean over all questions that could be answered."""
    bought = questions.bought.toarray()
    popularity = PopularityOrder.of(np.bincount(questions.known.item, minlength=bought.shape[1]))
    hits = np.zeros(len(bought))
    for rows, scores in _walk(ranker, questions):
        lists, _ = standing(scores, popularity).without(*questions.moments.rows(rows).open_items).top(K)
        hits[rows] = np.take_along_axis(bought[rows], lists, axis=1).sum(axis=1)
    possible = np.minimum(bought.sum(axis=1), K)
    return float((hits[possible > 0] / possible[possible > 0]).mean()) if possible.any() else 0.0


def _walk(ranker: Ranker, questions: Questions) -> Iterator[tuple[slice, Float32s]]:
    """The scores of some questions after the other, with what happens in between."""
    moments = questions.moments
    observed = len(questions.known)
    bounds = np.linspace(0, len(moments), STEPS + 1).astype(int)
    for rows in (slice(a, b) for a, b in pairwise(bounds) if a < b):
        until = int(moments.before[rows.start])
        ranker.observe(moments.purchases, observed, until)
        observed = until
        yield rows, ranker.scores(moments.rows(rows))
