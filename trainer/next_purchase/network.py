"""The model: what does this customer buy next?

    lines   ->  order vectors  ->  LSTM  ->  state            what the user is like now
    state   ->  every item: taste, popularity, trends         explore
    lines   ->  each own item: counts, rhythm, quantities     repeat
    logits  =   explore + repeat

Nothing says beforehand how much to repeat: where nobody buys anything twice, the repeat head learns to lower
what was bought.
"""

from typing import NamedTuple

import keras
from keras import layers, ops

from serving.features import FIRST_ITEM, Float32s
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.companions import DRAWN
from trainer.next_purchase.facts import ALL_TIME, FACTS, LINE_FACTS
from trainer.next_purchase.heads import Explore, Repeat, added
from trainer.next_purchase.orders import OrderReader
from trainer.next_purchase.reasons import closest_lines
from trainer.next_purchase.safe_inputs import safe
from trainer.next_purchase.tensors import FAR, Tensor, starting_at, table


class Tables(NamedTuple):
    """What the model knows of each item without having learnt it."""

    facts: Float32s
    """As of the end of the past (trainer.next_purchase.facts): [V, N_FACTS]."""
    price: Float32s
    """Median; 0 where nobody knows: [V]."""


class NextPurchaseModel(keras.Model):  # type: ignore[misc] # Keras has no types
    """Inputs as serving.features makes them."""

    def __init__(self, architecture: Architecture, tables: Tables, items: Float32s | None = None) -> None:
        """`items` [V, E] is where item vectors start; drawn by chance unless given."""
        super().__init__(name="next_purchase")
        self.architecture = architecture
        self.facts = table(self, "facts", tables.facts[None])
        self.price = table(self, "price", tables.price)
        start = keras.initializers.RandomNormal(stddev=DRAWN) if items is None else starting_at(items)
        self.items = layers.Embedding(architecture.vocabulary_size, architecture.embedding, start, name="items")
        self.reader = OrderReader(architecture) if architecture.parts.lstm else None
        # The popularity of all time is where the logits start.
        all_time = tables.facts[:, ALL_TIME]
        self.explore = Explore(architecture, all_time - all_time.max())
        self.repeat = Repeat(architecture) if architecture.parts.repeat else None

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> Tensor:
        """Logits of all items; those of padding and unknown are far below: [B, V]."""
        item = inputs["item_index"]
        vectors = self.items(item) * ops.cast(item >= FIRST_ITEM, "float32")[..., None]
        state = self._state(inputs, vectors, training)
        logits = self.explore(state, self.items.embeddings, inputs[FACTS])
        if self.repeat is not None:
            price = ops.take(self.price, item, axis=0)
            logits = added(logits, item, self.repeat(inputs, state, vectors, price, training=training))
        not_an_item = ops.cast(ops.arange(self.architecture.vocabulary_size) < FIRST_ITEM, "float32")
        return logits - FAR * not_an_item

    def _state(self, inputs: dict[str, Tensor], vectors: Tensor, training: bool) -> Tensor:
        """What the user is like: [B, H]; nothing where orders are not read."""
        if self.reader is None:
            return ops.zeros((ops.shape(vectors)[0], self.architecture.state))
        return self.reader(inputs, vectors, training=training)

    def logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """As `call`, with the facts of the end of the past: [B, V]."""
        return self(self.with_facts(inputs))

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """The answer of serving.candidates: for each user the k best, their probabilities and reasons."""
        inputs = self.with_facts(inputs)
        score, candidate = ops.top_k(ops.softmax(self(inputs), axis=-1), k)
        candidate = ops.cast(candidate, "int32")
        because = closest_lines(candidate, inputs["item_index"], self.items.embeddings)
        return {"candidate": candidate, "score": score, "because": because}

    def with_facts(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The inputs made safe, and the facts of the end of the past beside them."""
        lines = safe(inputs, self.architecture.vocabulary_size)
        return {**lines, FACTS: self.facts, LINE_FACTS: ops.take(self.facts[0], lines["item_index"], axis=0)}
