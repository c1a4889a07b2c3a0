"""The model: what does this customer buy next?

    lines   ->  order vectors  ->  LSTM  ->  state            what the user is like now
    state   ->  every item: taste, popularity, trends         explore
    lines   ->  each own item: counts, rhythm, quantities     repeat
    logits  =   explore + repeat                              the first stage
    logits  ->  the best of them, beside each other           the second stage (`rerank`)

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
from trainer.next_purchase.own_items import OwnItems
from trainer.next_purchase.reasons import closest_lines
from trainer.next_purchase.rerank import SecondStage
from trainer.next_purchase.safe_inputs import safe
from trainer.next_purchase.tensors import FAR, Tensor, starting_at, table


class Tables(NamedTuple):
    """What the model knows of each item without having learnt it."""

    facts: Float32s
    """As of the end of the past (trainer.next_purchase.facts): [V, N_FACTS]."""
    price: Float32s
    """Median; 0 where nobody knows: [V]."""


class FirstStage(keras.Model):  # type: ignore[misc] # Keras has no types
    """Scores every item for itself. Inputs as serving.features makes them, with facts beside."""

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
        return self.looked(inputs, training=training)[0]

    def looked(self, inputs: dict[str, Tensor], training: bool = False) -> tuple[Tensor, OwnItems | None]:
        """The logits, and what they know of the user's own items; nothing where those are not scored one by one."""
        item = inputs["item_index"]
        vectors = self.items(item) * ops.cast(item >= FIRST_ITEM, "float32")[..., None]
        state = self._state(inputs, vectors, training)
        logits = self.explore(state, self.items.embeddings, inputs[FACTS])
        own = None
        if self.repeat is not None:
            own = self.repeat.own_items(inputs, ops.take(self.price, item, axis=0))
            logits = added(logits, item, self.repeat(own, inputs[LINE_FACTS], state, vectors, training=training))
        not_an_item = ops.cast(ops.arange(self.architecture.vocabulary_size) < FIRST_ITEM, "float32")
        return logits - FAR * not_an_item, own

    def _state(self, inputs: dict[str, Tensor], vectors: Tensor, training: bool) -> Tensor:
        """What the user is like: [B, H]; nothing where orders are not read."""
        if self.reader is None:
            return ops.zeros((ops.shape(vectors)[0], self.architecture.state))
        return self.reader(inputs, vectors, training=training)


class NextPurchaseModel:
    """Both stages as one; without a second stage the first one answers."""

    def __init__(self, first: FirstStage, second: SecondStage | None = None) -> None:
        self.first = first
        self.second = second
        self.architecture = first.architecture

    def __call__(self, inputs: dict[str, Tensor]) -> Tensor:
        """Logits of all items: [B, V]."""
        logits, own = self.first.looked(inputs)
        if self.second is None:
            return logits
        if own is None:
            raise ValueError("a second stage needs what the repeat head knows of the user's own items")
        return self.second(logits, own, inputs, self.first.items.embeddings)

    def logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """As when called, with the facts of the end of the past: [B, V]."""
        return self(self.with_facts(inputs))

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """The answer of serving.candidates: for each user the k best, their probabilities and reasons."""
        inputs = self.with_facts(inputs)
        score, candidate = ops.top_k(ops.softmax(self(inputs), axis=-1), k)
        candidate = ops.cast(candidate, "int32")
        because = closest_lines(candidate, inputs["item_index"], self.first.items.embeddings)
        return {"candidate": candidate, "score": score, "because": because}

    def with_facts(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The inputs made safe, and the facts of the end of the past beside them."""
        lines, facts = safe(inputs, self.architecture.vocabulary_size), self.first.facts
        return {**lines, FACTS: facts, LINE_FACTS: ops.take(facts[0], lines["item_index"], axis=0)}
