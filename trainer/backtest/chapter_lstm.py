"""The second half of the book chapter on Online Retail: a list after each purchase, and LSTMs that make it.

    past          as in `chapter`: every line before 2011-10-09, anonymous ones included
    asked about   every line of the month after, given the lines before it in its order
    Accuracy@5    lines whose item was on the list of five that stood before them / lines

A line whose item the past does not know counts, and is always missed. Popularity does not recommend again what lies in
the order; the LSTMs may, as in the chapter. Nobody learns anything in the course of the month. Section "RNN for
recommender systems".

Each public function gives the Accuracy@5 of one model.
"""

from collections.abc import Iterator

import numpy as np

from serving.features import Int64s
from trainer.backtest.chapter import Chapter, K
from trainer.backtest.ranking import PopularityOrder, standing
from trainer.models.model import Grain, Ranker
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.transaction_lstm import TransactionLSTM
from trainer.progress import Progress
from trainer.purchases import Moments

AT_ONCE = 2_000
"""Lines that are asked about in one piece."""
SCHEDULE = Schedule(steps=2_900, batch_size=32, learning_rate=3e-3)
"""Four epochs over the chapter's past, and the last one. The chapter itself stops after one."""


def popularity(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.012."""
    return _accuracy(chapter, Popularity().fit(chapter.past, Grain.LINE, progress), repeats=False)


def lstm(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.071."""
    return _accuracy_of_lstm(chapter, TransactionLSTM(schedule=SCHEDULE, seed=seed), progress)


def lstm_with_user(chapter: Chapter, seed: int, progress: Progress) -> float:
    """Published: 0.252."""
    return _accuracy_of_lstm(chapter, TransactionLSTM(with_user=True, schedule=SCHEDULE, seed=seed), progress)


def _accuracy_of_lstm(chapter: Chapter, model: TransactionLSTM, progress: Progress) -> float:
    return _accuracy(chapter, model.fit(chapter.past, Grain.LINE, progress), repeats=True)


def _accuracy(chapter: Chapter, ranker: Ranker, repeats: bool) -> float:
    """Accuracy@5; `repeats` says whether what lies in the order may be recommended again."""
    by_popularity = PopularityOrder.of(np.bincount(chapter.past.item, minlength=chapter.past.vocabulary_size))
    hits = 0
    for moments in _moments(chapter):
        scores = standing(ranker.scores(moments), by_popularity)
        lists, _ = (scores if repeats else scores.without(*moments.open_items)).top(K)
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
