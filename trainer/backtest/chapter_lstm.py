"""The second half of the book chapter on Online Retail: a list after each purchase, and LSTMs that make it.

    past          as in `chapter`: every line before 2011-10-09, anonymous ones included
    asked about   every line of the month after, given the lines before it in its order
    Accuracy@5    lines whose item was on the list of five that stood before them / lines

A line whose item the past does not know counts, and is always missed. Popularity does not recommend again what lies in
the order; the LSTMs may, as in the chapter. Nobody learns anything in the course of the month. Section "RNN for
recommender systems".
"""

from collections.abc import Iterator

import numpy as np

from serving.features import Int64s
from trainer.backtest.chapter import Chapter, K
from trainer.backtest.ranking import PopularityOrder, Standing, standing
from trainer.models.histories import runs
from trainer.models.model import Grain, Ranker
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.transaction_lstm import TransactionLSTM
from trainer.progress import Progress, Silent
from trainer.purchases import Moments

AT_ONCE = 2_000
"""Lines that are asked about in one piece."""
SCHEDULE = Schedule(steps=2_900, batch_size=32, learning_rate=3e-3)
"""Four epochs over the chapter's past, and the last one. The chapter itself stops after one."""


def accuracy_of_popularity(chapter: Chapter) -> float:
    """Published: 0.012."""
    ranker = Popularity().fit(chapter.past, Grain.LINE, Silent())
    return _accuracy(chapter, ranker, repeats=False)


def accuracy_of_lstm(chapter: Chapter, with_user: bool, seed: int, progress: Progress) -> float:
    """Published: 0.071, and 0.252 with the embedding of the user."""
    model = TransactionLSTM(with_user=with_user, schedule=SCHEDULE, seed=seed)
    return _accuracy(chapter, model.fit(chapter.past, Grain.LINE, progress), repeats=True)


def _accuracy(chapter: Chapter, ranker: Ranker, repeats: bool) -> float:
    """Accuracy@5; `repeats` says whether what lies in the order may be recommended again."""
    by_popularity = PopularityOrder.of(np.bincount(chapter.past.item, minlength=chapter.past.vocabulary_size))
    hits = 0
    for moments in _moments(chapter):
        scores = standing(ranker.scores(moments), by_popularity)
        lists, _ = (scores if repeats else _without_open_order(scores, moments)).top(K)
        hits += int((lists == chapter.purchases.item[moments.before][:, None]).sum())
    return hits / (chapter.end - chapter.start)


def _moments(chapter: Chapter) -> Iterator[Moments]:
    """One moment before each line of the month, some at a time."""
    purchases = chapter.purchases
    starts = purchases.order_starts
    for first in range(chapter.start, chapter.end, AT_ONCE):
        before = np.arange(first, min(first + AT_ONCE, chapter.end))
        open_from: Int64s = starts[np.searchsorted(starts, before, side="right") - 1]
        yield Moments(purchases, purchases.user[before], before, purchases.at[before], open_from)


def _without_open_order(scores: Standing, moments: Moments) -> Standing:
    _, open_from, end = moments.spans
    row = np.repeat(np.arange(len(moments)), end - open_from)
    line = moments.purchases.by_user.line[runs(open_from, end)]
    return scores.without(row, moments.purchases.item[line])
