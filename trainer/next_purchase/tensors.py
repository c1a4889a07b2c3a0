"""Names and small operations that every part of the graph uses."""

from collections.abc import Callable
from typing import Any, TypeAlias

from keras import ops
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
