"""Train the model at line grain: on a whole past, and a little more after each day of the stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import keras
import numpy as np
import tensorflow
from keras import ops
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, Float32s, Int32s, Int64s
from trainer.next_purchase.facts import ItemFacts
from trainer.next_purchase.followers import FollowerRows, FollowersByDay
from trainer.next_purchase.line_network import (
    Asked,
    NextLineModel,
    Popularity,
    Positions,
    Sources,
    Tensor,
    log_probability,
)
from trainer.next_purchase.open_orders import Windows

MAX_WINDOWS = 192
WARM_UP_STEPS = 200
LENGTH_NOISE = 0.15
"""Windows of similar length share a batch; so much chance is in it that not always the same ones do."""
_SCORES_AT_A_TIME = 16_000_000
"""Positions times items: what a step may hold."""


class LineTraining(NamedTuple):
    """Settings."""

    epochs: int = 6
    min_steps: int = 600
    """A small shop is learnt from more often."""
    positions: int = 2048
    """Of a batch; fewer where the catalogue is large."""
    learning_rate: float = 3e-3
    daily_learning_rate: float = 5e-4
    seed: int = 0


@dataclass(frozen=True)
class OpenOrders:
    """Windows with everything that was known when each of their lines was put in."""

    windows: Windows
    facts: ItemFacts
    """Popularity is what all but the last column tell."""
    followers: FollowersByDay
    vocabulary_size: int

    def __len__(self) -> int:
        return len(self.windows)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(self.windows.rows(chosen), self.facts, self.followers, self.vocabulary_size)

    def batch(self) -> tuple[Asked, Int32s]:
        """What the model reads, and what came next at each position, PADDING where that is not asked."""
        windows, size = self.windows, self.vocabulary_size
        row = self.followers.of_line[windows.line_numbers()]
        rows = FollowerRows(*(column[row] for column in self.followers.rows))
        popularity = popularity_at(self.facts, windows.as_of)
        return Asked(windows.closed(size), windows.open(size), rows, popularity), windows.after(size)


def popularity_at(facts: ItemFacts, as_of: Int64s) -> Popularity:
    """The tables that hold at these moments, each once."""
    table, of_row = np.unique(facts.at(as_of), return_inverse=True)
    return Popularity(facts.tables[table][..., :-1], of_row.astype(np.int32))


def positions_per_batch(settings: LineTraining, vocabulary_size: int) -> int:
    return max(64, min(settings.positions, _SCORES_AT_A_TIME // vocabulary_size))


def batches(length: Int64s, positions: int, random: np.random.Generator | None = None) -> list[Int64s]:
    """Numbers of windows that go together, of about `positions` cells; with `random`, differently each time."""
    noise = 0 if random is None else random.uniform(-LENGTH_NOISE, LENGTH_NOISE, len(length)) * length
    by_length = np.argsort(length + noise, kind="stable")
    parts = list(_cut(by_length, length, positions))
    return parts if random is None else [parts[number] for number in random.permutation(len(parts))]


def n_epochs(n_batches: int, settings: LineTraining) -> int:
    return max(settings.epochs, -(-settings.min_steps // max(n_batches, 1)))


def learning_rate(n_steps: int, settings: LineTraining) -> keras.optimizers.schedules.CosineDecay:
    """Up to the settings' rate in the first steps, then down along a cosine."""
    warm_up = min(WARM_UP_STEPS, n_steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        max(1, n_steps - warm_up),
        alpha=0.03,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )


class Learner:
    """One model and its optimizer."""

    def __init__(self, model: NextLineModel) -> None:
        self.model = model
        self._optimizer = keras.optimizers.Adam(clipnorm=1.0)
        self._step: Callable[[Asked, Tensor], Tensor] | None = None

    def learn(self, examples: OpenOrders, rate: float) -> float:
        """One step at a learning rate; the mean loss in nats per line, before it."""
        asked, after = examples.batch()
        if not (after >= FIRST_ITEM).any():
            return 0.0
        if self._step is None:
            self._step = tensorflow.function(self._learn, input_signature=signature(tensors(asked), tensorflow.constant(after)))
        self._optimizer.learning_rate = rate
        return float(self._step(tensors(asked), tensorflow.constant(after)))

    def _learn(self, asked: Asked, after: Tensor) -> Tensor:
        with tensorflow.GradientTape() as tape:
            at = positions(after >= FIRST_ITEM)
            sources = self._sources(asked, at)
            item = tensorflow.gather_nd(after, ops.stack([at.row, at.column], axis=-1))
            loss = -ops.mean(log_probability(sources, item, self.model.place))
        weights = self.model.trainable_variables
        gradients = tape.gradient(loss, [weight.value for weight in weights])
        self._optimizer.apply_gradients(list(zip(gradients, weights, strict=True)))
        return loss

    def _sources(self, asked: Asked, at: Positions) -> Sources:
        states = self.model.read(asked, training=True)
        return self.model.sources(tensorflow.gather_nd(states, ops.stack([at.row, at.column], axis=-1)), asked, at)


def positions(chosen: Tensor) -> Positions:
    """Those of a mask [B, T] that are true."""
    row, column = tensorflow.unstack(tensorflow.cast(tensorflow.where(chosen), "int32"), axis=1)
    return Positions(row, column)


def tensors(asked: Asked) -> Asked:
    """The same values where the graph takes them."""
    converted: Asked = tensorflow.nest.map_structure(tensorflow.constant, asked)
    return converted


def signature(*values: Any) -> list[Any]:
    """Of values like these, however many rows, lines and items they have: so a graph is made once, not for every
    new length, which would take longer than the steps."""
    return [tensorflow.nest.map_structure(_any_length, value) for value in values]


def _any_length(value: Any) -> tensorflow.TensorSpec:
    # The last of three axes is the width of what is known of each place.
    shape = [None] * min(value.ndim, 2) + list(value.shape[2:])
    return tensorflow.TensorSpec(shape, value.dtype)


def built(model: NextLineModel, examples: OpenOrders) -> NextLineModel:
    """The model with all its weights made, which Keras does when they are first used."""
    asked, _ = examples.rows(slice(0, 1)).batch()
    asked = tensors(asked)
    at = Positions(tensorflow.zeros(1, "int32"), tensorflow.zeros(1, "int32"))
    model.sources(model.read(asked)[:, 0], asked, at)
    return model


def mean_popularity(facts: ItemFacts) -> Float32s:
    """Logarithm of all purchases ever, of the newest table: [V]."""
    newest: Float32s = facts.tables[-1, :, -2]
    return newest


def _cut(by_length: Int64s, length: Int64s, positions: int) -> Iterator[Int64s]:
    start = 0
    for end in range(1, len(by_length) + 1):
        longest = length[by_length[start:end]].max()
        too_many = (end - start) * longest > positions or end - start > MAX_WINDOWS
        if too_many and end - start > 1:
            yield by_length[start : end - 1]
            start = end - 1
    if start < len(by_length):
        yield by_length[start:]
