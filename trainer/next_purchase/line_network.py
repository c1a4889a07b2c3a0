"""The model at line grain: what is put into this open order next?

    closed orders, then open lines  ->  LSTM  ->  state            what is being bought now
    state  ->  every item: taste, popularity, trends               explore
    state  ->  each closed line: item, line before it, age         repeat
    state  ->  what mostly followed the newest line                follow
    state  ->  what comes next down the item ids                   read on, where an order is typed off a list

The same core as at order grain, an LSTM over order vectors, goes on through the open lines. What the heads say
is mixed (trainer.next_purchase.mixture) and not added up: a line is one thing, and has one reason.
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow
from keras import layers, ops

from serving.features import FIRST_ITEM, PADDING, Float32s, Int32s
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.companions import DRAWN
from trainer.next_purchase.followers import FollowerRows
from trainer.next_purchase.line_heads import ExploreNext, FollowLine, RepeatLine, Trends
from trainer.next_purchase.line_histories import split
from trainer.next_purchase.line_list import ReadList
from trainer.next_purchase.line_reader import LineReader
from trainer.next_purchase.mixture import Sources, log_probabilities
from trainer.next_purchase.open_orders import OpenInputs
from trainer.next_purchase.positions import Positions, chosen
from trainer.next_purchase.reasons import closest_lines
from trainer.next_purchase.runs import Run
from trainer.next_purchase.safe_inputs import known
from trainer.next_purchase.tensors import FAR, Tensor, starting_at, table


class Asked(NamedTuple):
    """What the model reads of B open orders."""

    closed: dict[str, Tensor]
    """As serving.features makes them: [B, L] each; an open line counts as padding."""
    open: OpenInputs
    """[B, T]"""
    followers: FollowerRows
    """Of the newest visible line at each position: [B, T, N_FOLLOWERS]."""
    trends: Trends
    """At each of the B orders."""


class LineTables(NamedTuple):
    """What the model knows without having learnt it, as of the end of the past."""

    trends: Float32s
    """How popular each item was lately, and in the last column at all, as logarithms: [V, F]."""
    followers: FollowerRows
    """One row per item."""


class NextLineModel(keras.Model):  # type: ignore[misc] # Keras has no types
    """`place` [V] is where each item stands among the item ids; `items` [V, E] where item vectors start, drawn by
    chance unless given."""

    def __init__(
        self, architecture: Architecture, tables: LineTables, place: Int32s, run: Run, items: Float32s | None = None
    ) -> None:
        super().__init__(name="next_line")
        self.architecture = architecture
        self.run = run
        size, n_trends = tables.trends.shape
        start = keras.initializers.RandomNormal(stddev=DRAWN) if items is None else starting_at(items)
        self.items = layers.Embedding(size, architecture.embedding, start)
        self.items.build()
        self.reader = LineReader(architecture)
        all_time = tables.trends[:, -1]
        self.explore = ExploreNext(architecture.embedding, all_time - all_time.max(), n_trends)
        self.repeat = RepeatLine()
        self.follow = FollowLine(architecture.embedding)
        self.read_on = ReadList(architecture.embedding, place, n_trends)
        self.trends = table(self, "trends", tables.trends)
        self.followers = FollowerRows(*(table(self, *column) for column in tables.followers._asdict().items()))

    @property
    def place(self) -> Tensor:
        """Where each item stands among the item ids: [V]."""
        return self.read_on.place

    def know(self, tables: LineTables) -> None:
        """Newer tables; what was learnt stays."""
        for weight, values in zip((self.trends, *self.followers), (tables.trends, *tables.followers), strict=True):
            weight.assign(values)

    def call(self, inputs: dict[str, Tensor]) -> Tensor:
        """Logarithms of the probabilities of all items [B, V], from histories as serving.features makes them."""
        asked, at = self.asked(inputs)
        return log_probabilities(self.sources(asked, at), self.place)

    def logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """As `call`: logarithms of probabilities are logits, too."""
        return self(inputs)

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """The answer of serving.candidates: for each user the k best, their probabilities and reasons."""
        asked, at = self.asked(inputs)
        sources = self.sources(asked, at)
        score, candidate = ops.top_k(ops.exp(log_probabilities(sources, self.place)), k)
        candidate = ops.cast(candidate, "int32")
        item = known(inputs["item_index"], self.architecture.vocabulary_size)
        because = closest_lines(candidate, item, self.items.embeddings)
        # What follows the newest line says so; that line stands last.
        bought = ops.any(item[:, None, :] == candidate[..., None], axis=-1)
        newest = ops.where(item[:, -1:] >= FIRST_ITEM, ops.full_like(because, ops.shape(item)[1] - 1), because)
        because = ops.where(follows(sources, candidate) & ~bought, newest, because)
        return {"candidate": candidate, "score": score, "because": because}

    def sources(self, asked: Asked, at: Positions, training: bool = False) -> Sources:
        """What speaks for the next line at N positions."""
        items = self.items.embeddings
        states = self.reader(asked.closed, asked.open, items, training=training)
        state = chosen(states, at)
        newest, steps = self.read_on.steps(asked.open.item_index)
        seen = self._seen(asked.open.item_index, at)
        trends = Trends(asked.trends.tables, ops.take(asked.trends.number, at.row))
        followers = FollowerRows(*(chosen(values, at) for values in asked.followers))
        return Sources(
            self.explore(state, items, trends, seen),
            (self.repeat(states, items, asked.closed, at, seen), self.follow(state, items, followers, seen)),
            self.read_on(state, items, trends, chosen(newest, at), chosen(steps, at)),
        )

    def asked(self, inputs: dict[str, Tensor]) -> tuple[Asked, Positions]:
        """Whole histories, and the position after the newest line of each, with the newest tables."""
        history = split(inputs, self.run, self.architecture.vocabulary_size)
        opened, row = history.open, ops.arange(ops.shape(history.newest)[0], dtype="int32")
        newest = ops.concatenate([ops.zeros_like(opened.item_index[:, :1]), opened.item_index[:, :-1]], axis=1)
        followers = FollowerRows(*(ops.take(column, newest, axis=0) for column in self.followers))
        trends = Trends(self.trends[None], ops.zeros_like(row))
        return Asked(history.closed, opened, followers, trends), Positions(row, history.newest)

    def _seen(self, item: Tensor, at: Positions) -> Tensor:
        """1 for each item that lies in the open order at the N positions: [N, V]."""
        visible = ops.arange(ops.shape(item)[1])[None] < at.column[:, None]
        items = ops.where(visible, ops.take(item, at.row, axis=0), PADDING)
        number = ops.broadcast_to(ops.arange(ops.shape(items)[0], dtype="int32")[:, None], ops.shape(items))
        nothing = ops.zeros((ops.shape(items)[0], self.architecture.vocabulary_size))
        where = ops.stack([number, items], axis=-1)
        return tensorflow.tensor_scatter_nd_update(nothing, where, ops.ones(ops.shape(items)))


def follows(sources: Sources, candidate: Tensor) -> Tensor:
    """Whether it speaks more for a candidate [N, K] that it follows the newest line than its place in the catalogue."""
    _, follow = sources.pointers
    names = follow.item[:, None, :] == candidate[..., None]
    followed = ops.logsumexp(ops.where(names, follow.logits[:, None, :], -FAR), axis=-1)
    return followed > ops.take_along_axis(sources.explore, candidate, axis=1)


def places(item_ids: tuple[str, ...]) -> Int32s:
    """Where each item stands among the item ids, those that are no items first: [V]."""
    by_id = np.argsort(np.array(item_ids), kind="stable")
    place = np.arange(FIRST_ITEM + len(item_ids), dtype=np.int32)
    place[FIRST_ITEM + by_id] = FIRST_ITEM + np.arange(len(item_ids))
    return place
