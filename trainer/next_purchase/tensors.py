"""Names and small operations that every part of the graph uses."""

from collections.abc import Callable
from typing import Any, TypeAlias

from keras import layers, ops
from numpy.typing import NDArray

Tensor: TypeAlias = Any
"""A tensor of Keras, which has no type of its own. Shapes: B users, L lines, S orders, V the vocabulary, E and
H the widths of item vectors and states, K candidates."""

FAR = 1e9
"""A logit that no other can outweigh."""


def log1p(values: Tensor) -> Tensor:
    """ONNX has no such operation."""
    return ops.log(1.0 + values)


def starting_at(values: NDArray[Any]) -> Callable[..., Tensor]:
    """An initializer that gives these values."""
    return lambda shape, dtype=None: ops.cast(values, dtype or "float32")


def table(layer: layers.Layer, name: str, values: NDArray[Any]) -> Tensor:
    """Numbers that a layer looks up and does not learn; a weight, for an exported graph would ask for other constants
    as inputs."""
    return layer.add_weight(
        name=name, shape=values.shape, dtype=str(values.dtype), initializer=starting_at(values), trainable=False
    )
