"""The model at line grain: what is put into this open order next?

One LSTM reads a pooled vector of each closed order and then the open lines one by one; its state after t of
them answers for line t + 1. Four sources speak in one softmax, which share its probability among them, so that
how much to repeat, to follow, to explore and to read on is learnt with everything else:

    explore   the state against every item's embedding, with trailing popularity
    repeat    a pointer to the user's closed lines, keyed by the item, the line before it, and its age
    follow    a pointer to what mostly followed the newest line (trainer.next_purchase.followers)
    list      where an order is typed off a list that is sorted by item id, the next one further down: items that
              have a rate r come up in turn, so P(y) = (1 - exp(-r_y)) exp(-sum of the rates in between)

A pointer mixture after Merity et al. 2017, "Pointer sentinel mixture models" (arXiv:1609.07843), section 2.2.
"""

from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow
from keras import layers, ops

from serving.features import FIRST_ITEM, Float32s, Int32s
from trainer.next_purchase.followers import N_FOLLOWERS, FollowerRows
from trainer.next_purchase.open_orders import OpenInputs
from trainer.next_purchase.tensors import Tensor, log1p

FAR = 1e4
"""A logit so low that nothing is left of it."""
HISTORY = 32
"""Width of what the LSTM knows of everything that the user has bought."""
KEY = 64
"""Width in which a state is compared with bought lines."""
LISTED_SHARE, LISTED_STEPS = 0.75, 3
"""Only where so many steps of the open order, and at least so many, led down the list can it be one."""
_SCALE = 8.0
"""What embeddings are multiplied by where they are read, since they begin small for the sake of the softmax."""
_LISTED_ITEMS = 5.0
"""Learning starts with rates of about exp(-5): a list holds one in 150 items."""


class Shape(NamedTuple):
    """Sizes of the network."""

    vocabulary_size: int
    embedding: int = 128
    state: int = 256
    orders: int = 8
    """Newest closed orders that the LSTM reads."""
    item_dropout: float = 0.2
    state_dropout: float = 0.3


class Popularity(NamedTuple):
    """Trailing popularity at U times, and which of them holds for each of B rows."""

    tables: Tensor
    """[U, V, F]"""
    of_row: Tensor
    """[B]"""


class Asked(NamedTuple):
    """What the graph reads, of B open orders."""

    closed: dict[str, Tensor]
    """As serving.features makes them: [B, L] each."""
    open: OpenInputs
    """[B, T]"""
    followers: FollowerRows
    """Of the newest visible line, at each of T positions: [B, T, N_FOLLOWERS]."""
    popularity: Popularity


class Positions(NamedTuple):
    """N of the B x T positions."""

    row: Tensor
    """[N]"""
    column: Tensor
    """Open lines that are visible there: [N]"""


class Pointer(NamedTuple):
    """Logits of places that name an item."""

    logits: Tensor
    """[N, places]"""
    item: Tensor
    """[N, places]"""


class Listing(NamedTuple):
    """Of the positions where the order may be a list: [R]."""

    position: Tensor
    """Number among the N positions: [R]"""
    logits: Tensor
    """In the order of item ids: [R, V]"""
    total: Tensor
    """Logarithm of the sum of their exponentials: [R]"""


class Sources(NamedTuple):
    """What speaks at N positions."""

    explore: Tensor
    """[N, V]"""
    pointers: tuple[Pointer, ...]
    """Repeat and follow."""
    listing: Listing


class NextLineModel(keras.Model):  # type: ignore[misc] # Keras has no types
    """`log_popularity` [V] is where the bias starts; `place` [V] is each item's place in the order of ids."""

    def __init__(self, shape: Shape, log_popularity: Float32s, place: Int32s, n_windows: int) -> None:
        super().__init__(name="next_line")
        self.shape = shape
        self.place = ops.convert_to_tensor(place)
        self.by_place = ops.convert_to_tensor(np.argsort(place).astype(np.int32))
        size, width = shape.vocabulary_size, shape.embedding
        self.items = self._weight("items", (size, width), keras.initializers.RandomNormal(stddev=0.09))
        self.bias = self._weight("bias", (size,), _constant(log_popularity - log_popularity.max()))
        self.trend = self._weight("trend", (n_windows,), "zeros")
        self.lstm = layers.LSTM(shape.state, return_sequences=True)
        self.history = layers.Dense(HISTORY)
        self.item_dropout = layers.Dropout(shape.item_dropout)
        self.state_dropout = layers.Dropout(shape.state_dropout)
        self.taste, self.taste_norm = layers.Dense(width), layers.LayerNormalization()
        self.in_order = self._weight("in_order", (2,), _constant(np.array([-2.0, -3.0])))
        self._build_repeat()
        self._build_follow()
        self._build_list(n_windows)

    def read(self, asked: Asked, training: bool = False) -> Tensor:
        """The state at every position, t open lines being visible at t: [B, T, H]."""
        orders = self._order_vectors(asked.closed)
        seen = ops.concatenate([orders, self._line_vectors(asked.open)], axis=1)
        width, n_steps = self.shape.embedding, ops.shape(seen)[1]
        items = self.item_dropout(seen[..., :width], training=training)
        user = ops.repeat(self._user_vector(asked.closed, training)[:, None], n_steps, axis=1)
        states = self.lstm(ops.concatenate([items, seen[..., width:], user], axis=-1))
        return self.state_dropout(states[:, self.shape.orders - 1 : -1], training=training)

    def sources(self, state: Tensor, asked: Asked, at: Positions) -> Sources:
        """What speaks for the next line; `state` are those of the positions [N, H]."""
        newest, steps = self._listed(asked.open.item_index)
        seen = self._seen(asked.open.item_index, at)
        trend = ops.take(asked.popularity.of_row, at.row)
        return Sources(
            self._explore(state, asked.popularity.tables, trend, seen),
            (self._repeat(state, asked, at, seen), self._follow(state, asked.followers, at, seen)),
            self._list(state, asked.popularity.tables, trend, _at(newest, at), _at(steps, at)),
        )

    def _user_vector(self, closed: dict[str, Tensor], training: bool) -> Tensor:
        """What the user has bought at all, and how much of it; the LSTM has it at every step: [B, HISTORY + 2]."""
        known = ops.cast(closed["item_index"] >= FIRST_ITEM, "float32")
        n_lines = ops.sum(known, axis=1, keepdims=True)
        total = ops.einsum("bl,ble->be", known, ops.take(self.items, closed["item_index"], axis=0))
        mean = self.item_dropout(total * _SCALE / ops.maximum(n_lines, 1.0), training=training)
        return ops.concatenate([self.history(mean), log1p(n_lines) / 4, ops.cast(n_lines > 0, "float32")], axis=-1)

    def _order_vectors(self, closed: dict[str, Tensor]) -> Tensor:
        """One vector for each of the newest closed orders, the newest last: [B, orders, E + 5]."""
        n_orders, known = self.shape.orders, ops.cast(closed["item_index"] >= FIRST_ITEM, "float32")
        in_order = ops.one_hot(n_orders - closed["orders_ago"], n_orders, dtype="float32") * known[..., None]
        n_lines = ops.sum(in_order, axis=1)[..., None]
        present = ops.cast(n_lines > 0, "float32")
        embedded = ops.take(self.items, closed["item_index"], axis=0) * _SCALE
        values = ops.concatenate([embedded, closed["days_ago"][..., None]], axis=-1)
        mean = ops.einsum("bls,ble->bse", in_order, values) / ops.maximum(n_lines, 1.0)
        facts = [log1p(n_lines) / 3 - 0.5, log1p(mean[..., -1:]) / 3 - 1.0, ops.zeros_like(present)]
        return ops.concatenate([mean[..., :-1], *(fact * present for fact in facts), present, 0 * present], axis=-1)

    def _line_vectors(self, lines: OpenInputs) -> Tensor:
        """One vector for each open line: [B, T, E + 5]."""
        embedded = ops.take(self.items, lines.item_index, axis=0) * _SCALE
        present = ops.cast(lines.item_index > 0, "float32")
        number = ops.cast(ops.arange(ops.shape(present)[1]), "float32") + ops.cast(lines.skipped, "float32")[:, None]
        facts = [ops.zeros_like(present), log1p(number) / 3 - 1.0, log1p(ops.abs(lines.quantity)) / 3, 0 * present]
        columns = ops.stack([fact * present for fact in facts] + [present], axis=-1)
        return ops.concatenate([embedded, columns], axis=-1)

    def _explore(self, state: Tensor, tables: Tensor, trend: Tensor, seen: Tensor) -> Tensor:
        taste = self.taste_norm(self.taste(state))
        logits = ops.matmul(taste, ops.transpose(self.items)) + self.bias
        logits = logits + ops.take(ops.einsum("uvf,f->uv", tables, self.trend), trend, axis=0)
        not_an_item = ops.cast(ops.arange(self.shape.vocabulary_size) < FIRST_ITEM, "float32")
        return logits + seen * self.in_order[0] - FAR * not_an_item

    def _build_repeat(self) -> None:
        self.key_item, self.key_before = layers.Dense(KEY), layers.Dense(KEY, use_bias=False)
        self.key_age, self.age_hidden = layers.Dense(KEY, use_bias=False), layers.Dense(16, activation="gelu")
        self.repeat_query, self.repeat_gate, self.repeat_age = layers.Dense(KEY), layers.Dense(1), layers.Dense(1)

    def _repeat(self, state: Tensor, asked: Asked, at: Positions, seen: Tensor) -> Pointer:
        closed = asked.closed
        item, orders = closed["item_index"], ops.maximum(ops.cast(closed["orders_ago"], "float32"), 1.0)
        days = log1p(closed["days_ago"]) / 3
        facts = [days, ops.log(orders), log1p(ops.abs(closed["quantity"])) / 3, ops.exp(-3 * days), 1 / orders]
        age = self.age_hidden(ops.stack(facts, axis=-1))
        embedded = ops.take(self.items, item, axis=0) * _SCALE
        before = _line_before(embedded, closed["orders_ago"])
        key = self.key_item(embedded) + self.key_before(before) + self.key_age(age)
        static = self.repeat_age(age)[..., 0] - FAR * ops.cast(item < FIRST_ITEM, "float32")
        query = self.repeat_query(state) / KEY**0.5
        logits = ops.einsum("nk,nlk->nl", query, ops.take(key, at.row, axis=0))
        items = ops.take(item, at.row, axis=0)
        inside = tensorflow.gather(seen, items, batch_dims=1)
        logits = logits + self.repeat_gate(state) + ops.take(static, at.row, axis=0) + inside * self.in_order[1]
        return Pointer(logits, items)

    def _build_follow(self) -> None:
        self.follow_query, self.follow_gates = layers.Dense(self.shape.embedding), layers.Dense(4)
        self.follow_rank = self._weight("follow_rank", (N_FOLLOWERS,), "zeros")

    def _follow(self, state: Tensor, followers: FollowerRows, at: Positions, seen: Tensor) -> Pointer:
        item = _at(followers.item, at)
        gates = self.follow_gates(state)
        match = ops.einsum("nme,ne->nm", ops.take(self.items, item, axis=0) * _SCALE, self.follow_query(state))
        logits = (
            match / self.shape.embedding**0.5
            + gates[:, :1]
            - ops.softplus(gates[:, 1:2]) * _at(followers.log_age, at)
            + (1.0 + gates[:, 2:3]) * _at(followers.log_share, at)
            + gates[:, 3:] * _at(followers.log_weight, at)[:, None] / 3
            + self.follow_rank
        )
        inside = tensorflow.gather(seen, item, batch_dims=1)
        missing = ops.cast(item < FIRST_ITEM, "float32")
        return Pointer(logits + inside * self.in_order[0] - FAR * missing, item)

    def _build_list(self, n_windows: int) -> None:
        small = keras.initializers.RandomNormal(stddev=0.01)
        self.list_taste = layers.Dense(self.shape.embedding, kernel_initializer=small)
        self.list_length, self.list_gate = layers.Dense(1), layers.Dense(1, kernel_initializer="zeros")
        self.list_bias = self._weight("list_bias", (self.shape.vocabulary_size,), "zeros")
        # Learning starts with rates that rise with the popularity of the shortest two windows.
        self.list_trend = self._weight("list_trend", (n_windows,), _constant(0.5 * (np.arange(n_windows) < 2)))

    def _list(self, state: Tensor, tables: Tensor, trend: Tensor, newest: Tensor, steps: Tensor) -> Listing:
        down, n_steps = steps[:, 0], steps[:, 1]
        (position,) = tensorflow.unstack(
            tensorflow.where((down >= LISTED_SHARE * n_steps) & (n_steps >= LISTED_STEPS)), axis=1
        )
        state, newest, steps = (ops.take(values, position, axis=0) for values in (state, newest, steps))
        popularity = ops.einsum("uvf,f->uv", tables, self.list_trend) + self.list_bias
        popularity = ops.take(ops.take(popularity, self.by_place, axis=1), ops.take(trend, position), axis=0)
        items = ops.take(self.items, self.by_place, axis=0)
        rate = ops.matmul(self.list_taste(state), ops.transpose(items)) + popularity + self.list_length(state)
        below = ops.arange(self.shape.vocabulary_size)[None] > newest[:, None]
        rate = ops.where(below, ops.exp(ops.minimum(rate - _LISTED_ITEMS, 4.0)), 0.0)
        passed = ops.cumsum(rate, axis=1)
        logits = ops.log(1.0 - ops.exp(-rate) + 1e-12) - (passed - rate)
        known = ops.concatenate([state * 0.1, steps[:, :1] / steps[:, 1:], log1p(steps[:, 1:])], axis=-1)
        gate = self.list_gate(known)
        total = ops.log(1.0 - ops.exp(-passed[:, -1:]) + 1e-9) + gate
        return Listing(position, ops.where(below, logits, -FAR) + gate, total[:, 0])

    def _listed(self, item: Tensor) -> tuple[Tensor, Tensor]:
        """At every position the place of the newest open line among the item ids [B, T], and how many of the steps
        between open lines led down the list, and of how many [B, T, 2]."""
        known = item >= FIRST_ITEM
        place = ops.take(self.place, item)
        step = ops.cast(known[:, 1:] & known[:, :-1], "float32")
        down = ops.cast(place[:, 1:] >= place[:, :-1], "float32") * step
        steps = ops.cumsum(ops.stack([down, step], axis=-1), axis=1)
        newest = ops.where(known, place, self.shape.vocabulary_size)
        return _later(newest, 1, self.shape.vocabulary_size), _later(steps, 2, 0.0)

    def _seen(self, item: Tensor, at: Positions) -> Tensor:
        """1 for each item that lies in the open order, at the N positions: [N, V]."""
        visible = ops.arange(ops.shape(item)[1])[None] < at.column[:, None]
        items = ops.where(visible, ops.take(item, at.row, axis=0), 0)
        number = ops.broadcast_to(ops.arange(ops.shape(items)[0], dtype="int32")[:, None], ops.shape(items))
        shape = (ops.shape(items)[0], self.shape.vocabulary_size)
        return tensorflow.tensor_scatter_nd_update(
            ops.zeros(shape), ops.stack([number, items], axis=-1), ops.ones(ops.shape(items))
        )

    def _weight(self, name: str, shape: tuple[int, ...], initializer: Any) -> Tensor:
        return self.add_weight(name=name, shape=shape, initializer=initializer)


def log_probabilities(sources: Sources, place: Tensor) -> Tensor:
    """Of every item at N positions: [N, V]; `place` is each item's place in the order of ids."""
    most = ops.max(sources.explore, axis=-1, keepdims=True)
    number = ops.arange(ops.shape(most)[0], dtype="int32")[:, None]
    weight = ops.exp(sources.explore - most)
    for pointer in sources.pointers:
        rows = ops.broadcast_to(number, ops.shape(pointer.item))
        speaks = ops.exp(pointer.logits - most)
        weight = tensorflow.tensor_scatter_nd_add(weight, ops.stack([rows, pointer.item], axis=-1), speaks)
    listing = sources.listing
    listed = ops.exp(ops.take(listing.logits, place, axis=1) - ops.take(most, listing.position, axis=0))
    weight = tensorflow.tensor_scatter_nd_add(weight, listing.position[:, None], listed)
    return ops.log(weight / ops.sum(weight, axis=-1, keepdims=True) + 1e-30)


def log_probability(sources: Sources, item: Tensor, place: Tensor) -> Tensor:
    """Of one item at each of N positions: [N]. The same as above, without making all of them."""
    own = [ops.take_along_axis(sources.explore, item[:, None], axis=1)[:, 0]]
    all_items = [ops.logsumexp(sources.explore, axis=-1)]
    for pointer in sources.pointers:
        names = pointer.item == item[:, None]
        own.append(ops.logsumexp(ops.where(names, pointer.logits, -FAR), axis=-1))
        all_items.append(ops.logsumexp(pointer.logits, axis=-1))
    listing = sources.listing
    listed = ops.take(place, ops.take(item, listing.position))
    nothing = ops.full(ops.shape(item), -FAR)
    where = listing.position[:, None]
    own.append(tensorflow.tensor_scatter_nd_update(nothing, where, _picked(listing.logits, listed)))
    all_items.append(tensorflow.tensor_scatter_nd_update(nothing, where, listing.total))
    return ops.logsumexp(ops.stack(own, -1), axis=-1) - ops.logsumexp(ops.stack(all_items, -1), axis=-1)


def _picked(values: Tensor, column: Tensor) -> Tensor:
    return ops.take_along_axis(values, column[:, None], axis=1)[:, 0]


def _at(values: Tensor, at: Positions) -> Tensor:
    """[B, T, ...] at N positions: [N, ...]."""
    return tensorflow.gather_nd(values, ops.stack([at.row, at.column], axis=-1))


def _later(values: Tensor, n: int, nothing: float) -> Tensor:
    """From what is known of each line to what is known at each position: n columns of nothing come before."""
    empty = ops.full_like(values[:, :1], nothing)
    return ops.concatenate([empty] * n + [values], axis=1)


def _line_before(embedded: Tensor, orders_ago: Tensor) -> Tensor:
    """The line before each in the same order, nothing where it opens its order: [B, L, E]."""
    same = ops.cast(orders_ago[:, 1:] == orders_ago[:, :-1], "float32")[..., None]
    return ops.pad(embedded[:, :-1] * same, [[0, 0], [1, 0], [0, 0]])


def _constant(values: Any) -> Any:
    return lambda shape, dtype=None: ops.cast(ops.convert_to_tensor(values), dtype or "float32")
