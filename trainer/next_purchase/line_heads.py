"""What speaks for the next line: heads that are sources of `trainer.next_purchase.mixture`.

One more, for orders that are typed off a list, is `trainer.next_purchase.line_list`.
"""

from typing import NamedTuple

import keras
import tensorflow
from keras import layers, ops

from serving.features import FIRST_ITEM, Float32s
from trainer.next_purchase.followers import N_FOLLOWERS, FollowerRows
from trainer.next_purchase.mixture import Pointer
from trainer.next_purchase.orders import LIVELY
from trainer.next_purchase.positions import Positions, chosen
from trainer.next_purchase.tensors import FAR, Tensor, log1p, starting_at

KEY = 64
"""Width in which a state is compared with bought lines."""
_RARE = -2.0
"""Where learning starts: the logit of one more line of what lies in the order already."""


class Trends(NamedTuple):
    """Trailing popularity at U times, and which of them holds at each of N positions."""

    tables: Tensor
    """[U, V, F]"""
    number: Tensor
    """[N]"""


class ExploreNext(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Any item of the catalogue: its vector against the taste, its popularity and the trends."""

    def __init__(self, width: int, bias: Float32s, n_trends: int) -> None:
        super().__init__()
        self.taste, self.norm = layers.Dense(width), layers.LayerNormalization()
        self.bias = self.add_weight(name="bias", shape=bias.shape, initializer=starting_at(bias))
        self.trends = self.add_weight(name="trends", shape=(n_trends,), initializer="zeros")
        self.again = self.add_weight(name="again", shape=(), initializer=keras.initializers.Constant(_RARE))

    def call(self, state: Tensor, items: Tensor, trends: Trends, seen: Tensor) -> Tensor:
        """Logits [N, V]; `seen` [N, V] is 1 for what lies in the order already."""
        by_trend = ops.matmul(trends.tables, self.trends[:, None])[..., 0]
        logits = ops.matmul(self.norm(self.taste(state)), ops.transpose(items)) + self.bias
        not_an_item = ops.cast(ops.arange(ops.shape(items)[0]) < FIRST_ITEM, "float32")
        return logits + ops.take(by_trend, trends.number, axis=0) + seen * self.again - FAR * not_an_item


class RepeatLine(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Points to the user's closed lines: each by its item, the line before it, and its age."""

    def __init__(self) -> None:
        super().__init__()
        self.of_item, self.of_before = layers.Dense(KEY), layers.Dense(KEY, use_bias=False)
        self.of_age, self.age = layers.Dense(KEY, use_bias=False), layers.Dense(16, activation="silu")
        self.query, self.gate, self.by_age = layers.Dense(KEY), layers.Dense(1), layers.Dense(1)
        self.again = self.add_weight(name="again", shape=(), initializer=keras.initializers.Constant(_RARE))

    def call(self, states: Tensor, items: Tensor, closed: dict[str, Tensor], at: Positions, seen: Tensor) -> Pointer:
        """From states [B, T, H] to the lines [B, L] of the same users, at N of the positions."""
        item = closed["item_index"]
        vectors = ops.take(items, item, axis=0) * LIVELY
        age = self.age(_age(closed))
        key = self.of_item(vectors) + self.of_before(_line_before(vectors, closed["orders_ago"])) + self.of_age(age)
        likely = self.by_age(age)[..., 0] - FAR * ops.cast(item < FIRST_ITEM, "float32")
        # At all positions, also those that are not asked: else each would need its own copy of the user's keys.
        match = ops.einsum("btk,blk->btl", self.query(states) / KEY**0.5, key) + self.gate(states)
        pointed = ops.take(item, at.row, axis=0)
        again = tensorflow.gather(seen, pointed, batch_dims=1) * self.again
        return Pointer(chosen(match + likely[:, None], at) + again, pointed)


class FollowLine(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Points to what mostly followed the newest line: by its share, its age, its rank and the state."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.query, self.gates = layers.Dense(width), layers.Dense(4)
        self.by_rank = self.add_weight(name="by_rank", shape=(N_FOLLOWERS,), initializer="zeros")
        self.again = self.add_weight(name="again", shape=(), initializer=keras.initializers.Constant(_RARE))

    def call(self, state: Tensor, items: Tensor, followers: FollowerRows, seen: Tensor) -> Pointer:
        """From states [N, H] to followers [N, N_FOLLOWERS]."""
        vectors = ops.take(items, followers.item, axis=0) * LIVELY
        match = ops.einsum("nme,ne->nm", vectors, self.query(state)) * self.scale
        gates = self.gates(state)
        # Learning starts where a follower is as likely as its share says.
        by_share = (1.0 + gates[:, :1]) * followers.log_share - ops.softplus(gates[:, 1:2]) * followers.log_age
        trusted = gates[:, 2:3] + gates[:, 3:] * followers.log_weight[:, None] / 3.0
        again = tensorflow.gather(seen, followers.item, batch_dims=1) * self.again
        missing = FAR * ops.cast(followers.item < FIRST_ITEM, "float32")
        return Pointer(match + by_share + trusted + self.by_rank + again - missing, followers.item)


def _age(closed: dict[str, Tensor]) -> Tensor:
    """How old each line is in days and orders, and its quantity: [B, L, 5]."""
    days, orders = log1p(closed["days_ago"]) / 3.0, ops.maximum(ops.cast(closed["orders_ago"], "float32"), 1.0)
    quantity = log1p(ops.abs(closed["quantity"])) / 3.0
    return ops.stack([days, ops.log(orders), quantity, ops.exp(-3.0 * days), 1.0 / orders], axis=-1)


def _line_before(vectors: Tensor, orders_ago: Tensor) -> Tensor:
    """The line before each in the same order, nothing where it opens its order: [B, L, E]."""
    same = ops.cast(orders_ago[:, 1:] == orders_ago[:, :-1], "float32")[..., None]
    return ops.concatenate([ops.zeros_like(vectors[:, :1]), vectors[:, :-1] * same], axis=1)
