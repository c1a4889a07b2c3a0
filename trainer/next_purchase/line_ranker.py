"""The trained model at line grain, asked within open orders; what the stream teaches it, its settings say."""

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow

from serving.features import PADDING, Float32s, Int32s, Int64s, LineColumns
from trainer.models.model import LossCurve
from trainer.next_purchase.examples import visible_lines
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.followers import FollowerCounts, FollowersByDay
from trainer.next_purchase.line_examples import LineExamples, TrendsByDay, batches
from trainer.next_purchase.line_heads import Trends
from trainer.next_purchase.line_learner import Learner, signature, tensors
from trainer.next_purchase.line_network import Asked, LineTables, NextLineModel
from trainer.next_purchase.line_settings import InStream, LineTraining, positions_per_batch
from trainer.next_purchase.mixture import log_probabilities
from trainer.next_purchase.open_orders import AskedWindows, asked_windows, windows
from trainer.next_purchase.positions import Positions
from trainer.next_purchase.runs import known_items, previous_items
from trainer.next_purchase.tensors import Tensor
from trainer.purchases import Moments, Purchases

REPLAYED = 3000
"""Newest windows of the fit that are learnt from again beside those of a new day, lest they be forgotten."""
_PASSES = 2
"""How often a new day is learnt from."""


class LineRanker:
    """Scores are logarithms of probabilities."""

    def __init__(
        self, learner: Learner, learnt: LineExamples, counts: FollowerCounts, losses: LossCurve, settings: LineTraining
    ) -> None:
        """`counts` are of all that was learnt from."""
        self.loss_curve = losses
        self._learner, self._counts, self._settings = learner, counts, settings
        self._size = learnt.vocabulary_size
        self._replay = learnt.rows(slice(max(len(learnt) - REPLAYED, 0), None))
        self._random = np.random.default_rng(settings.seed)
        self._lines: tuple[Purchases, LineColumns] | None = None
        self._answer: Callable[[Asked, Positions], Tensor] | None = None
        self._know(learnt.windows.purchases)

    @property
    def model(self) -> NextLineModel:
        return self._learner.model

    def scores(self, moments: Moments) -> Float32s:
        if not len(moments):
            return np.empty((0, self._size), np.float32)
        asked = asked_windows(moments, self.model.run, self._lines_of(moments.purchases))
        scores = np.zeros((len(moments), self._size), np.float32)
        for chosen in self._batches(asked):
            scores[chosen] = self._scored(asked, chosen)
        return scores

    def probabilities(self, scores: Float32s) -> Float32s:
        likely: Float32s = np.exp(scores)
        return likely

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        """Learn from the new lines what they were, as they were asked for, then count them."""
        if start == end or self._settings.in_stream is InStream.STAYS:
            return
        known = purchases.before(end)
        previous = previous_items(known, self.model.run, self._size)
        if self._settings.in_stream is InStream.LEARNS:
            self._learn(self._day(known, previous, start))
        self._counts.add(previous[start:], known_items(known.item[start:], self._size), known.at[start:])
        self._know(known)

    def _day(self, known: Purchases, previous: Int32s, start: int) -> LineExamples:
        """The lines from `start` on, with the tables that they were asked with."""
        trends = TrendsByDay(np.zeros(1, np.int64), self._tables.trends[None])
        # There is a row for each item, in the order of items.
        followers = FollowersByDay(self._tables.followers, previous)
        return LineExamples(windows(known, self.model.run, start, len(known)), trends, followers, self._size)

    def _know(self, purchases: Purchases) -> None:
        self._tables = tables_after(purchases, self._counts, self._size)
        self.model.know(self._tables)

    def _learn(self, day: LineExamples) -> None:
        replayed = self._replay.rows(self._random.integers(0, len(self._replay), _PASSES * len(day)))
        steps = [batch for part in (*[day] * _PASSES, replayed) for batch in self._learnt(part)]
        for number in self._random.permutation(len(steps)):
            self._learner.learn(steps[number], self._settings.daily_learning_rate)

    def _learnt(self, examples: LineExamples) -> Iterator[LineExamples]:
        positions = positions_per_batch(self._settings, self._size)
        for chosen in batches(examples.windows.length, positions, self._random):
            yield examples.rows(chosen)

    def _lines_of(self, purchases: Purchases) -> LineColumns:
        if self._lines is None or self._lines[0] is not purchases:
            self._lines = (purchases, visible_lines(purchases))
        return self._lines[1]

    def _batches(self, asked: AskedWindows) -> Iterator[Int64s]:
        """Numbers of the moments that are asked together."""
        by_window = np.argsort(asked.row, kind="stable")
        ends = np.cumsum(np.bincount(asked.row))
        for rows in batches(asked.windows.length, positions_per_batch(self._settings, self._size)):
            yield np.concatenate([by_window[ends[row - 1] if row else 0 : ends[row]] for row in rows])

    def _scored(self, asked: AskedWindows, chosen: Int64s) -> Float32s:
        rows, row = np.unique(asked.row[chosen], return_inverse=True)
        part = asked.windows.rows(rows)
        opened = part.open(self._size)
        newest = np.concatenate([np.full((len(rows), 1), PADDING), opened.item_index[:, :-1]], axis=1)
        trends = Trends(self._tables.trends[None], np.zeros(len(rows), np.int32))
        inputs = Asked(part.closed(self._size), opened, self._tables.followers.at(newest), trends)
        at = Positions(row.astype(np.int32), asked.column[chosen].astype(np.int32))
        if self._answer is None:
            self._answer = tensorflow.function(self._asked, input_signature=signature(inputs, at))
        scores: Float32s = self._answer(tensors(inputs), tensors(at)).numpy()
        return scores

    def _asked(self, inputs: Asked, at: Positions) -> Tensor:
        return log_probabilities(self.model.sources(inputs, at), self.model.place)


def tables_after(purchases: Purchases, counts: FollowerCounts, vocabulary_size: int) -> LineTables:
    """What is known once these purchases, which `counts` has counted, have happened."""
    at = int(purchases.at[-1]) + 1
    trends = Ledger(purchases, vocabulary_size).table(at)[:, :-1]
    return LineTables(trends, counts.rows(np.arange(vocabulary_size, dtype=np.int32), at))
