"""What speaks for an item: the user's taste and the trends (explore), and the user's own habits (repeat)."""

import keras
import tensorflow
from keras import layers, ops

from serving.features import Float32s
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.facts import N_FACTS
from trainer.next_purchase.own_items import OwnItemFeatures, OwnItems
from trainer.next_purchase.tensors import Tensor, starting_at

_NARROW = 16
"""Width of what the repeat head sees of an item's and of a user's vector."""


class Explore(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Any item of the catalogue: its vector against the taste, its popularity, and trends as far as they move users."""

    def __init__(self, architecture: Architecture, bias: Float32s) -> None:
        super().__init__()
        self.taste = layers.Dense(architecture.embedding)
        self.trends = layers.Dense(N_FACTS - 1) if architecture.parts.trends else None
        self.bias = self.add_weight(name="bias", shape=bias.shape, initializer=starting_at(bias))

    def call(self, state: Tensor, vectors: Tensor, facts: Tensor) -> Tensor:
        """Logits [B, V] from states [B, H], item vectors [V, E] and facts [B or 1, V, N_FACTS]."""
        logits = ops.matmul(self.taste(state), ops.transpose(vectors)) + self.bias
        if self.trends is not None:
            logits = logits + ops.matmul(facts[..., :-1], self.trends(state)[..., None])[..., 0]
        return logits


class Repeat(layers.Layer):  # type: ignore[misc] # Keras has no types
    """The user's own items: what the user did with each, what everybody does, and how it matches the state."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.own_items = OwnItemFeatures()
        self.match = layers.Dense(architecture.embedding)
        self.user = layers.Dense(_NARROW)
        self.item = layers.Dense(_NARROW)
        self.item_dropout = layers.Dropout(architecture.state_dropout)
        self.score = keras.Sequential(
            [layers.Dense(64, activation="silu"), layers.Dense(32, activation="silu"), layers.Dense(1)]
        )

    def call(self, own: OwnItems, line_facts: Tensor, state: Tensor, vectors: Tensor, training: bool = False) -> Tensor:
        """What each line adds to its item's logit: [B, L]; `own` is what `own_items` says, `line_facts` and `vectors`
        are those of the lines' items."""
        match = ops.sum(vectors * self.match(state)[:, None], axis=-1, keepdims=True)
        item = self.item_dropout(self.item(vectors), training=training)
        user = ops.broadcast_to(self.user(state)[:, None], ops.shape(item))
        known = ops.concatenate([own.features, line_facts, match, item, user], axis=-1)
        return self.score(known)[..., 0] * own.is_newest


def added(logits: Tensor, item_index: Tensor, values: Tensor) -> Tensor:
    """Logits [B, V] with each line's value [B, L] added to its item."""
    n_users = ops.shape(item_index)[0]
    user = ops.broadcast_to(ops.arange(n_users, dtype="int32")[:, None], ops.shape(item_index))
    # Not ops.scatter: its ONNX form keeps the last line of an item instead of adding them up.
    return tensorflow.tensor_scatter_nd_add(logits, ops.stack([user, item_index], axis=-1), values)
