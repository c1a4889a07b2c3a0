"""The core at line grain: one LSTM reads the closed orders, then the lines of the open one."""

from keras import layers, ops

from serving.features import FIRST_ITEM, PADDING
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.open_orders import OpenInputs
from trainer.next_purchase.orders import LIVELY, N_ABOUT, OrderVectors
from trainer.next_purchase.tensors import Tensor, log1p

HISTORY = 32
"""Width of what every step knows of all that the user has bought."""


class LineReader(layers.Layer):  # type: ignore[misc] # Keras has no types
    """States after 0, 1, .. lines of the open order."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.n_orders = architecture.n_orders
        self.orders = OrderVectors(architecture.n_orders, architecture.item_dropout)
        self.history = layers.Dense(HISTORY)
        self.item_dropout = layers.Dropout(architecture.item_dropout)
        self.state_dropout = layers.Dropout(architecture.state_dropout)
        self.lstm = layers.LSTM(architecture.state, return_sequences=True)

    def call(self, closed: dict[str, Tensor], opened: OpenInputs, items: Tensor, training: bool = False) -> Tensor:
        """States [B, T, H], t open lines being visible at t, from the vectors of all items [V, E]."""
        bought = ops.take(items, closed["item_index"], axis=0)
        known = ops.cast(closed["item_index"] >= FIRST_ITEM, "float32")[..., None]
        steps = ops.concatenate(
            [self.orders(closed, bought * known, training=training), self._lines(opened, items, training)], axis=1
        )
        user = self._user(bought, known, training)[:, None]
        user = ops.broadcast_to(user, (*ops.shape(steps)[:2], HISTORY + 2))
        states = self.lstm(ops.concatenate([steps, user], axis=-1))
        return self.state_dropout(states[:, self.n_orders - 1 : -1], training=training)

    def _lines(self, opened: OpenInputs, items: Tensor, training: bool) -> Tensor:
        """One vector for each open line: [B, T, E + N_ABOUT]."""
        vectors = self.item_dropout(ops.take(items, opened.item_index, axis=0), training=training) * LIVELY
        present = ops.cast(opened.item_index != PADDING, "float32")
        place = ops.cast(ops.arange(ops.shape(present)[1]), "float32") + ops.cast(opened.skipped, "float32")[:, None]
        about = [present, log1p(place) / 3.0, log1p(ops.abs(opened.quantity)) / 3.0]
        # Closed orders say nothing here that is below -1, so a step knows what it reads.
        about += [ops.full_like(present, -2.0)] * (N_ABOUT - len(about))
        return ops.concatenate([vectors, ops.stack(about, axis=-1)], axis=-1) * present[..., None]

    def _user(self, bought: Tensor, known: Tensor, training: bool) -> Tensor:
        """What the user has bought in closed orders, and how much: [B, HISTORY + 2]."""
        n_lines = ops.sum(known, axis=1)
        mean = ops.sum(bought * known, axis=1) / ops.maximum(n_lines, 1.0)
        history = self.history(self.item_dropout(mean, training=training) * LIVELY)
        return ops.concatenate([history, log1p(n_lines) / 4.0, ops.cast(n_lines > 0, "float32")], axis=-1)
