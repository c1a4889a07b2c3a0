"""Some orders are typed off a list in which items stand by their ids: the head that reads on down that list.

Each item that comes up below the newest line is taken with a probability p, so the next line is y with probability

    p_y times the product of (1 - p) over all items between the newest line and y
"""

import keras
import numpy as np
import tensorflow
from keras import layers, ops

from serving.features import FIRST_ITEM, Float32s, Int32s
from trainer.next_purchase.line_heads import Trends
from trainer.next_purchase.mixture import Listing
from trainer.next_purchase.tensors import FAR, Tensor, log1p, starting_at, table

LISTED_SHARE, LISTED_STEPS = 0.75, 3
"""An order may be a list where it holds so many steps at least, and so many of them lead down the item ids."""
_LISTED_ITEMS = 3.5
"""Learning starts with logits of about -3.5: a list holds one in 30 items."""
_LEAST = 1e-9


class ReadList(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Speaks only where most steps of the order led down the list."""

    def __init__(self, width: int, place: Int32s, n_trends: int) -> None:
        super().__init__()
        self.place = table(self, "place", place)
        self.taken = Taken(width, place, n_trends)
        self.gate = layers.Dense(1, kernel_initializer="zeros")

    def call(self, state: Tensor, items: Tensor, trends: Trends, newest: Tensor, steps: Tensor) -> Listing:
        """At N positions, from states [N, H]; `newest` [N] and `steps` [N, 2] are those of `steps`."""
        position = speaks(steps)
        state, newest, steps = (ops.take(values, position, axis=0) for values in (state, newest, steps))
        known = ops.concatenate([state * 0.1, steps[:, :1] / steps[:, 1:], log1p(steps[:, 1:])], axis=-1)
        gate = self.gate(known)
        trends = Trends(trends.tables, ops.take(trends.number, position))
        logits, total = next_taken(self.taken(state, items, trends), newest)
        return Listing(position, logits + gate, total + gate[:, 0])

    def steps(self, item: Tensor) -> tuple[Tensor, Tensor]:
        """Of open lines [B, T], at every position: the place of the newest [B, T], and how many of the steps led
        down the list, of how many [B, T, 2]."""
        known = item >= FIRST_ITEM
        place = ops.take(self.place, item)
        step = ops.cast(known[:, 1:] & known[:, :-1], "float32")
        down = ops.cast(place[:, 1:] >= place[:, :-1], "float32") * step
        steps = ops.cumsum(ops.stack([down, step], axis=-1), axis=1)
        nowhere = self.place.shape[0]
        return _later(ops.where(known, place, nowhere), 1, nowhere), _later(steps, 2, 0.0)


class Taken(layers.Layer):  # type: ignore[misc] # Keras has no types
    """How likely each item is taken when it comes up."""

    def __init__(self, width: int, place: Int32s, n_trends: int) -> None:
        super().__init__()
        self.by_place = table(self, "by_place", np.argsort(place).astype(np.int32))
        self.taste = layers.Dense(width, kernel_initializer=keras.initializers.RandomNormal(stddev=0.01))
        self.length = layers.Dense(1)
        self.bias = self.add_weight(name="bias", shape=place.shape, initializer="zeros")
        # Learning starts with logits that rise with the popularity of the two shortest windows.
        start: Float32s = (0.5 * (np.arange(n_trends) < 2)).astype(np.float32)
        self.trends = self.add_weight(name="trends", shape=(n_trends,), initializer=starting_at(start))

    def call(self, state: Tensor, items: Tensor, trends: Trends) -> Tensor:
        """Logits in the order of the list: [R, V]."""
        popular = ops.matmul(trends.tables, self.trends[:, None])[..., 0] + self.bias
        popular = ops.take(ops.take(popular, self.by_place, axis=1), trends.number, axis=0)
        match = ops.matmul(self.taste(state), ops.transpose(ops.take(items, self.by_place, axis=0)))
        return match + popular + self.length(state) - _LISTED_ITEMS


def speaks(steps: Tensor) -> Tensor:
    """Numbers of the positions whose orders may be lists: of `steps[:, 1]` steps `steps[:, 0]` led down. [R]"""
    may_be = (steps[:, 0] >= LISTED_SHARE * steps[:, 1]) & (steps[:, 1] >= LISTED_STEPS)
    return tensorflow.cast(tensorflow.where(may_be), "int32")[:, 0]


def next_taken(taken: Tensor, newest: Tensor) -> tuple[Tensor, Tensor]:
    """Which item below the newest line's place [R] is the next one, from the logits of each being taken [R, V]: its
    log probability [R, V], and that of there being any [R]."""
    below = ops.arange(ops.shape(taken)[1])[None] > newest[:, None]
    # log p = taken - softplus(taken) and log(1 - p) = -softplus(taken), whatever the size of the logit.
    passed = ops.cumsum(ops.where(below, ops.softplus(taken), 0.0), axis=1)
    any_taken = ops.log(ops.maximum(1.0 - ops.exp(-passed[:, -1]), _LEAST))
    return ops.where(below, taken - passed, -FAR), any_taken


def _later(values: Tensor, n: int, nothing: float) -> Tensor:
    """From what is known of each line to what is known at each position: n columns of nothing come before."""
    return ops.concatenate([ops.full_like(values[:, :1], nothing)] * n + [values], axis=1)
