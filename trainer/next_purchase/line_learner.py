"""One model at line grain and its optimizer: a step at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

import keras
import tensorflow
from keras import ops
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, INPUT_TYPES, SEQUENCE_LENGTH
from trainer.next_purchase.line_examples import LineExamples
from trainer.next_purchase.line_network import Asked, NextLineModel
from trainer.next_purchase.mixture import log_probability
from trainer.next_purchase.positions import chosen, positions
from trainer.next_purchase.tensors import Tensor

T = TypeVar("T")

MOST_CHANGE = 1.0
"""Norm of all gradients together, above which they are scaled down."""


class Learner:
    """Learns from one batch after the other, at whatever rate each is worth."""

    def __init__(self, model: NextLineModel) -> None:
        self.model = model
        # Keras makes weights when they are first used, which must not happen inside a step.
        model(nothing_bought())
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(model.trainable_variables)
        self._step: Callable[[Asked, Tensor], Tensor] | None = None

    def learn(self, examples: LineExamples, rate: float) -> float:
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
