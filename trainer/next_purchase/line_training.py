"""Train the model at line grain: on a whole past, and a little more after each day of the stream."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Self, TypeVar

import keras
import numpy as np
import tensorflow
from keras import ops
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, INPUT_TYPES, SEQUENCE_LENGTH, Float32s, Int32s, Int64s
from trainer.next_purchase.followers import FollowersByDay
from trainer.next_purchase.line_heads import Trends
from trainer.next_purchase.line_network import Asked, NextLineModel, Positions, chosen
from trainer.next_purchase.mixture import log_probability
from trainer.next_purchase.open_orders import Windows
from trainer.next_purchase.tensors import Tensor

T = TypeVar("T")

MAX_WINDOWS = 192
WARM_UP_STEPS = 200
MOST_CHANGE = 1.0
"""Norm of all gradients together, above which they are scaled down."""
LENGTH_NOISE = 0.15
"""Windows of similar length share a batch; so much chance is in it that not always the same ones do."""
_SCORES_AT_A_TIME = 16_000_000
"""Positions times items: what a step may hold."""


class LineTraining(NamedTuple):
    """Settings."""

    embedding: int = 128
    state: int = 256
    epochs: int = 6
    min_steps: int = 600
    """A small shop is learnt from more often ..."""
    most_steps: int = 3000
    """... and a large one less often, but at least once."""
    most_epochs: int = 24
    """From no shop more often than this."""
    positions: int = 2048
    """Of a batch; fewer where the catalogue is large."""
    learning_rate: float = 3e-3
    daily_learning_rate: float = 5e-4
    seed: int = 0


class TrendsByDay(NamedTuple):
    """What everybody bought lately, as it was at S times."""

    made_at: Int64s
    """Each table holds what had happened before this moment: [S]."""
    tables: Float32s
    """How popular each item was in several windows, as logarithms: [S, V, F]."""

    def at(self, as_of: Int64s) -> Trends:
        """The newest tables made at or before these moments, each once."""
        newest = np.maximum(np.searchsorted(self.made_at, as_of, side="right") - 1, 0)
        table, number = np.unique(newest, return_inverse=True)
        return Trends(self.tables[table], number.astype(np.int32))


@dataclass(frozen=True)
class OpenOrders:
    """Windows with everything that was known when each of their lines was put in."""

    windows: Windows
    trends: TrendsByDay
    followers: FollowersByDay
    vocabulary_size: int

    def __len__(self) -> int:
        return len(self.windows)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(self.windows.rows(chosen), self.trends, self.followers, self.vocabulary_size)

    def batch(self) -> tuple[Asked, Int32s]:
        """What the model reads, and what came next at each position, PADDING where that is not asked."""
        windows, size = self.windows, self.vocabulary_size
        followers = self.followers.rows.at(self.followers.of_line[windows.line_numbers()])
        trends = self.trends.at(windows.as_of)
        return Asked(windows.closed(size), windows.open(size), followers, trends), windows.after(size)


def positions_per_batch(settings: LineTraining, vocabulary_size: int) -> int:
    return max(64, min(settings.positions, _SCORES_AT_A_TIME // vocabulary_size))


def batches(length: Int64s, positions: int, random: np.random.Generator | None = None) -> list[Int64s]:
    """Numbers of windows that go together, of about `positions` cells; with `random`, differently each time."""
    noise = 0 if random is None else random.uniform(-LENGTH_NOISE, LENGTH_NOISE, len(length)) * length
    by_length = np.argsort(length + noise, kind="stable")
    parts = list(_cut(by_length, length, positions))
    return parts if random is None else [parts[number] for number in random.permutation(len(parts))]


def n_epochs(n_batches: int, settings: LineTraining) -> int:
    """How often each line is learnt from."""
    fewest = -(-settings.min_steps // max(n_batches, 1))
    most = min(settings.most_epochs, settings.most_steps // max(n_batches, 1))
    return max(1, min(max(settings.epochs, fewest), most))


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
        # Keras makes weights when they are first used, which must not happen inside a step.
        model(nothing_bought())
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(model.trainable_variables)
        self._step: Callable[[Asked, Tensor], Tensor] | None = None

    def learn(self, examples: OpenOrders, rate: float) -> float:
        """One step at a learning rate; the mean loss in nats per line, before it."""
        asked, after = examples.batch()
        if not (after >= FIRST_ITEM).any():
            return 0.0
        if self._step is None:
            self._step = tensorflow.function(
                self._learn, input_signature=signature(tensors(asked), tensorflow.constant(after))
            )
        self._optimizer.learning_rate = rate
        return float(self._step(tensors(asked), tensorflow.constant(after)))

    def _learn(self, asked: Asked, after: Tensor) -> Tensor:
        with tensorflow.GradientTape() as tape:
            at = positions(after >= FIRST_ITEM)
            sources = self.model.sources(asked, at, training=True)
            loss = -ops.mean(log_probability(sources, chosen(after, at), self.model.place))
        weights = self.model.trainable_variables
        gradients, norm = tensorflow.clip_by_global_norm(
            tape.gradient(loss, [weight.value for weight in weights]), MOST_CHANGE
        )
        # One step that cannot be computed must not spoil what was learnt in all others.
        usable = tensorflow.math.is_finite(norm)
        gradients = [tensorflow.where(usable, gradient, 0.0) for gradient in gradients]
        self._optimizer.apply_gradients(list(zip(gradients, weights, strict=True)))
        return loss


def positions(asked: Tensor) -> Positions:
    """Those of a mask [B, T] that are true."""
    row, column = tensorflow.unstack(tensorflow.cast(tensorflow.where(asked), "int32"), axis=1)
    return Positions(row, column)


def nothing_bought() -> dict[str, Tensor]:
    """The history of somebody who comes for the first time."""
    return {name: tensorflow.zeros((1, SEQUENCE_LENGTH), dtype) for name, dtype in INPUT_TYPES.items()}


def tensors(values: T) -> T:
    """The same values, whatever they lie in, where the graph takes them."""
    converted: T = tensorflow.nest.map_structure(tensorflow.constant, values)
    return converted


def signature(*values: Any) -> list[Any]:
    """Of values like these, however many rows, lines and items they have: so a graph is made once, not for every
    new length, which would take longer than the steps."""
    return [tensorflow.nest.map_structure(_any_length, value) for value in values]


def _any_length(value: NDArray[Any]) -> tensorflow.TensorSpec:
    # The last of three axes is the width of what is known of each place.
    return tensorflow.TensorSpec([None] * min(value.ndim, 2) + list(value.shape[2:]), value.dtype)


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
