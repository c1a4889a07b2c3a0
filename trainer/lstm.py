"""The model: what does this customer buy next?

Three things speak for an item, and their logits are added up over the whole catalogue:

    taste       a user's lines are pooled to order vectors (item and recency embeddings), an LSTM reads the
                last orders, and self-attention, with the newest state as its query, looks back over them;
                the result is compared with every item's embedding
    habit       each bought line gives its own item a weight by its recency, its order and the taste; the
                item's weights are summed, so a habit counts by how often and how lately, and how much that
                means is learnt
    popularity  a bias per item

One graph serves any shop: nothing in it depends on the data but the size of the vocabulary. It is made
of what ONNX knows (no log1p, erf, argmax), and no layer masks: histories are left padded instead, so
that the exported LSTM is one operator, not a loop.
"""

from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow
from keras import layers, ops
from numpy.typing import NDArray

from serving.candidates import NO_REASON
from serving.features import FIRST_ITEM, MAX_ORDERS_AGO, PADDING, RECENCY_BUCKETS, UNKNOWN

Tensor: TypeAlias = Any
"""A tensor of Keras, which has no type of its own; shapes are given as B users, L lines, S orders,
E and H the widths below, V the vocabulary, K candidates."""

EMBEDDING = 32
STATE = 64
ITEM_DROPOUT = 0.3
STATE_DROPOUT = 0.4
FAR = 1e9
"""A logit that no other can outweigh."""

# Where learning starts: how fast a line's weight fades, and how soon more of the same counts less.
_FADE_PER_BUCKET = 0.005
_FADE_PER_ORDER = 0.02
_SENSITIVITY = 2.0


class Evidence(NamedTuple):
    """What speaks for the items, and for the lines that gave the reasons."""

    logits: Tensor
    """[B, V]"""
    item_index: Tensor
    """The lines' items, cleaned: [B, L]"""
    line_attention: Tensor
    """Logarithm of how much the taste looks at the line's order: [B, L]"""
    habit: Tensor
    """Logarithm of the weight that the line adds to its item's habit: [B, L]"""


class NextPurchaseModel(keras.Model):  # type: ignore[misc] # Keras has no types
    """Inputs as serving.features makes them; `popularity` is how often each item was bought: [V]."""

    def __init__(self, popularity: NDArray[np.int64]) -> None:
        super().__init__(name="next_purchase")
        self.vocabulary_size = len(popularity)
        # Nothing was learnt about padding and unknown items, and they are never candidates.
        log_popularity = np.log1p(popularity)
        self.popularity = self._weight("popularity", log_popularity - log_popularity.max())
        self.items = _embedding(self.vocabulary_size, "items")
        self.recency = _embedding(RECENCY_BUCKETS + 1, "recency")
        self.orders_ago = _embedding(MAX_ORDERS_AGO + 1, "orders_ago")
        self.item_dropout = layers.Dropout(ITEM_DROPOUT)
        self.state_dropout = layers.Dropout(STATE_DROPOUT)
        self.lstm = layers.LSTM(STATE, return_sequences=True)
        self.attention_query = layers.Dense(STATE, use_bias=False)
        self.taste = layers.Dense(EMBEDDING)
        self.habit_by_recency = self._weight("habit_by_recency", _fading(RECENCY_BUCKETS, _FADE_PER_BUCKET))
        self.habit_by_order = self._weight("habit_by_order", _fading(MAX_ORDERS_AGO, _FADE_PER_ORDER))
        self.habit_item = layers.Dense(16)
        self.habit_state = layers.Dense(16)
        self.habit_hidden = layers.Dense(32, activation="relu")
        self.habit_line = layers.Dense(1)
        self.habit_sensitivity = self._weight("habit_sensitivity", np.array(_SENSITIVITY))
        self.habit_share = layers.Dense(1, bias_initializer=keras.initializers.Constant(0.5))

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """Logits of all items; those of padding and unknown are far below: [B, V]."""
        return self.evidence(inputs, training).logits

    def evidence(self, inputs: dict[str, Tensor], training: bool = False) -> Evidence:
        """The logits, and what the reasons are read from."""
        item_index = _within(inputs["item_index"], self.vocabulary_size, UNKNOWN)
        recency = _within(inputs["recency_bucket"], RECENCY_BUCKETS + 1, PADDING)
        orders_ago = _within(inputs["orders_ago"], MAX_ORDERS_AGO + 1, PADDING)
        known = ops.cast(item_index >= FIRST_ITEM, "float32")
        line = self.items(item_index) * known[..., None]
        state, line_attention = self._read_orders(line, recency, orders_ago, training)
        state = self.state_dropout(state, training=training)
        habit = self._habit(line, recency, orders_ago, state, training)
        not_an_item = ops.cast(ops.arange(self.vocabulary_size) < FIRST_ITEM, "float32")
        logits = (
            ops.matmul(self.taste(state), ops.transpose(self.items.embeddings))
            + self._habit_logits(item_index, ops.exp(habit) * known, state)
            + self.popularity
            - FAR * not_an_item
        )
        return Evidence(logits, item_index, line_attention, habit)

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """The answer of serving.candidates: for each user the k best, their probabilities and reasons."""
        evidence = self.evidence(inputs)
        score, candidate = ops.top_k(ops.softmax(evidence.logits, axis=-1), k)
        candidate = ops.cast(candidate, "int32")
        return {"candidate": candidate, "score": score, "because": self._reasons(candidate, evidence)}

    def _read_orders(self, line: Tensor, recency: Tensor, orders_ago: Tensor, training: bool) -> tuple[Tensor, Tensor]:
        """The LSTM's last state beside what attention found [B, 2H], and the lines' log attention [B, L]."""
        # Column S-1 is the newest order; an order's lines are averaged.
        in_order = ops.one_hot(MAX_ORDERS_AGO - orders_ago, MAX_ORDERS_AGO, dtype="float32")
        n_lines = ops.sum(in_order, axis=1)[..., None]
        present = ops.cast(n_lines > 0, "float32")
        vectors = ops.concatenate([self.item_dropout(line, training=training) * 5.0, self.recency(recency)], axis=-1)
        pooled = ops.einsum("bls,ble->bse", in_order, vectors) / ops.maximum(n_lines, 1.0)
        place = self.orders_ago(ops.arange(MAX_ORDERS_AGO, 0, -1))[None]
        size = ops.log(1.0 + n_lines) / 3.0 - 0.5
        states = self.lstm(ops.concatenate([pooled, place * present, size * present], axis=-1))
        newest = states[:, -1]
        looks_at = ops.einsum("bsh,bh->bs", states, self.attention_query(newest)) / STATE**0.5
        attention = ops.softmax(looks_at - FAR * (1.0 - present[..., 0]), axis=-1)
        found = ops.einsum("bs,bsh->bh", attention, states)
        line_attention = ops.log(ops.einsum("bls,bs->bl", in_order, attention) + 1e-9)
        return ops.concatenate([newest, found], axis=-1), line_attention

    def _habit(self, line: Tensor, recency: Tensor, orders_ago: Tensor, state: Tensor, training: bool) -> Tensor:
        """Logarithm of the weight that each line adds to its item's habit: [B, L]."""
        item = self.state_dropout(self.habit_item(line), training=training)
        hidden = self.habit_hidden(
            ops.concatenate([item, ops.broadcast_to(self.habit_state(state)[:, None], ops.shape(item))], axis=-1)
        )
        fading = ops.take(self.habit_by_recency, recency, axis=0) + ops.take(self.habit_by_order, orders_ago, axis=0)
        return ops.clip(fading + self.habit_line(hidden)[..., 0], -15.0, 6.0)

    def _habit_logits(self, item_index: Tensor, weights: Tensor, state: Tensor) -> Tensor:
        """Sum the weights of each item, over the catalogue: [B, V]."""
        n_users = ops.shape(item_index)[0]
        user = ops.broadcast_to(ops.arange(n_users, dtype="int32")[:, None], ops.shape(item_index))
        place = ops.stack([user, item_index], axis=-1)
        nothing = ops.zeros((n_users, self.vocabulary_size))
        # Not ops.scatter: its ONNX form keeps the last line of an item instead of adding them up.
        habit = tensorflow.tensor_scatter_nd_add(nothing, place, weights)
        strength = ops.log(1.0 + habit * ops.exp(self.habit_sensitivity))
        return strength * ops.softplus(self.habit_share(state))

    def _reasons(self, candidate: Tensor, evidence: Evidence) -> Tensor:
        """The line that speaks most for each candidate: its own item's, or else the most related one: [B, K]."""
        bought = evidence.item_index[:, None, :]
        same = ops.cast(bought == candidate[..., None], "float32")
        related = ops.einsum("bke,ble->bkl", self.items(candidate), self.items(evidence.item_index))
        speaks = same * (evidence.habit[:, None] + FAR / 1e3) + (1.0 - same) * (
            related + evidence.line_attention[:, None]
        )
        speaks = ops.where(bought >= FIRST_ITEM, speaks, -FAR)
        most, line = ops.top_k(speaks, 1)
        return ops.where(most[..., 0] > -FAR / 2, ops.cast(line[..., 0], "int32"), NO_REASON)

    def _weight(self, name: str, values: NDArray[Any]) -> Tensor:
        return self.add_weight(
            name=name, shape=values.shape, initializer=lambda shape, dtype=None: ops.cast(values, dtype or "float32")
        )


class OrderLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """How surprising an order was: `targets` [B, T] are its items, padded; `logits` [B, V].

    The first part asks for any item of the order, as the top of a list is judged: minus the logarithm
    of their summed probability. The second, smaller one asks for each of them. Padding counts nowhere.
    """

    def __init__(self, each: float = 0.3) -> None:
        super().__init__(name="order")
        self.each = each

    def call(self, targets: Tensor, logits: Tensor) -> Tensor:
        targets = ops.cast(targets, "int32")
        real = ops.cast(targets != PADDING, "float32")
        picked = ops.take_along_axis(logits, targets, axis=-1) - ops.logsumexp(logits, axis=-1, keepdims=True)
        any_of_them = -ops.logsumexp(picked - FAR * (1.0 - real), axis=-1)
        each_of_them = -ops.sum(picked * real, axis=-1) / ops.maximum(ops.sum(real, axis=-1), 1.0)
        return any_of_them + self.each * each_of_them


def _embedding(size: int, name: str) -> layers.Embedding:
    return layers.Embedding(size, EMBEDDING, keras.initializers.RandomNormal(stddev=0.1), name=name)


def _within(index: Tensor, size: int, otherwise: int) -> Tensor:
    """One number outside its table would fail all users of the batch."""
    return ops.where(ops.logical_and(index >= 0, index < size), index, otherwise)


def _fading(steps: int, rate: float) -> NDArray[np.floating]:
    """Logarithms of weights that fall by `rate` per step: [steps + 1]."""
    return -np.arange(steps + 1) * rate
