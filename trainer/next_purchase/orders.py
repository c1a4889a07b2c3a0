"""The core: an LSTM over a user's orders."""

from keras import layers, ops

from serving.features import PADDING
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.tensors import Tensor, log1p

LIVELY = 5.0
"""Item vectors start small, so that logits start near popularity; an LSTM wants inputs near 1."""
N_ABOUT = 4
"""What is said about an order beside its items."""


class OrderVectors(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Pools the lines of each of the newest S closed orders to one vector, in the order of time."""

    def __init__(self, n_orders: int, item_dropout: float) -> None:
        super().__init__()
        self.n_orders = n_orders
        self.item_dropout = layers.Dropout(item_dropout)

    def call(self, inputs: dict[str, Tensor], vectors: Tensor, training: bool = False) -> Tensor:
        """[B, S, E + N_ABOUT], nothing where there is no order; `vectors` are the lines' items [B, L, E]."""
        # Column S-1 is the newest closed order; lines of older ones and of the open one lie in no column. Not
        # ops.one_hot: its ONNX form counts negative columns from the end.
        column = (self.n_orders - inputs["orders_ago"])[..., None]
        present = (inputs["item_index"] != PADDING)[..., None]
        in_order = ops.cast(ops.logical_and(column == ops.arange(self.n_orders), present), "float32")
        n_lines = ops.sum(in_order, axis=1)[..., None]
        columns = ops.concatenate([vectors, inputs["days_ago"][..., None]], axis=-1)
        means = ops.einsum("bls,ble->bse", in_order, columns) / ops.maximum(n_lines, 1.0)
        items = self.item_dropout(means[..., :-1], training=training) * LIVELY
        orders = ops.concatenate([items, self._about(means[..., -1:], n_lines)], axis=-1)
        return orders * ops.cast(n_lines > 0, "float32")

    def _about(self, days_ago: Tensor, n_lines: Tensor) -> Tensor:
        """Size of each order, how long ago it was, how long after the one before, and its place: [B, S, 4]."""
        present = ops.cast(n_lines > 0, "float32")
        nothing = ops.zeros_like(days_ago[:, :1])
        follows = ops.concatenate([nothing, present[:, :-1]], axis=1)
        gap = ops.concatenate([nothing, days_ago[:, :-1] - days_ago[:, 1:]], axis=1)
        place = ops.log(ops.arange(self.n_orders, 0, -1, dtype="float32"))[None, :, None]
        return ops.concatenate(
            [
                log1p(n_lines) / 3.0 - 1.0,
                log1p(days_ago) / 3.0 - 1.0,
                log1p(ops.maximum(gap, 0.0) * follows) / 3.0 - 1.0,
                ops.broadcast_to(place, ops.shape(days_ago)),
            ],
            axis=-1,
        )


class OrderReader(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Reads the newest closed orders one by one.

    No layer masks: histories are left padded, so that the exported LSTM is one operator and not a loop.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.orders = OrderVectors(architecture.n_orders, architecture.item_dropout)
        self.state_dropout = layers.Dropout(architecture.state_dropout)
        self.lstm = layers.LSTM(architecture.state)

    def call(self, inputs: dict[str, Tensor], vectors: Tensor, training: bool = False) -> Tensor:
        """The state after the newest closed order: [B, H]; `vectors` are the lines' items [B, L, E]."""
        state = self.lstm(self.orders(inputs, vectors, training=training))
        return self.state_dropout(state, training=training)
