"""At which places of open orders the next line is asked for."""

from typing import NamedTuple

import tensorflow
from keras import ops

from trainer.next_purchase.tensors import Tensor


class Positions(NamedTuple):
    """N of the B x T positions."""

    row: Tensor
    """[N]"""
    column: Tensor
    """How many open lines are visible there: [N]"""


def positions(asked: Tensor) -> Positions:
    """Those of a mask [B, T] that are true."""
    row, column = tensorflow.unstack(tensorflow.cast(tensorflow.where(asked), "int32"), axis=1)
    return Positions(row, column)


def chosen(values: Tensor, at: Positions) -> Tensor:
    """[B, T, ...] at N positions: [N, ...]."""
    return tensorflow.gather_nd(values, ops.stack([at.row, at.column], axis=-1))
