"""Names and small operations that every part of the graph uses."""

from typing import Any, TypeAlias

from keras import ops

Tensor: TypeAlias = Any
"""A tensor of Keras, which has no type of its own. Shapes: B users, L lines, S orders, V the vocabulary, K
candidates."""


def log1p(values: Tensor) -> Tensor:
    """ONNX has no such operation."""
    return ops.log(1.0 + values)
