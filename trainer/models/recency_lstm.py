"""An LSTM over the items that a user bought last, each with how long ago that was.

    item embedding (+ recency embedding)  ->  LSTM  (-> causal self-attention)  ->  next item, at every position

After A. Carta, "Building a RNN Recommendation Engine with TensorFlow" (Decathlon, 2021), whose three versions
are registered here: items alone; with recency buckets (100 bins over 365 days), which brought the largest gain;
with self-attention over the LSTM's states too. Sequences have 20 items, are padded on the left, and the loss
does not see padding. Recency is counted from the moment at which the model is asked; in training that is the
end of the past, for all positions of a sequence.

What is different here: the article learns from one sequence per user, here the whole history is cut into
sequences of 20, of which no two share a position; at the grain of orders, each position is to say an item of the
next order (see `next_lines`). The answer is found by comparing with the item embeddings. The article's sizes,
dropout and rate are chosen by Hyperband and not published; the defaults here are what a minute allows.
"""

import keras
import numpy as np
from keras import layers

from serving.features import PADDING, Int32s, Int64s
from trainer.models.keras_training import (
    Arrays,
    ItemsByEmbedding,
    answered,
    at_the_end,
    compiled,
    item_embedding,
    learn,
    next_item_loss,
    seeded,
)
from trainer.models.model import Frozen, Grain, LossCurve
from trainer.models.next_lines import NextLines
from trainer.models.one_next_item import OneNextItem
from trainer.models.recency import RECENCY_BUCKETS, recency_buckets
from trainer.models.schedule import Schedule
from trainer.models.windows import known, looked_up, newest
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

LENGTH = 20
"""Items in a sequence: four of five users of the article had no more."""
SCHEDULE = Schedule(steps=1_500, batch_size=32, learning_rate=3e-3, patience=3)


class RecencyLSTM:
    """Reads the newest items of the user.

    with_recency, with_attention: the article's second and third step. units, width: sizes of the state and of the
    item embeddings; length: items that are read.
    """

    def __init__(
        self,
        name: str = "lstm",
        with_recency: bool = False,
        with_attention: bool = False,
        units: int = 96,
        width: int = 64,
        recency_width: int = 16,
        dropout: float = 0.2,
        length: int = LENGTH,
        schedule: Schedule = SCHEDULE,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._with_recency = with_recency
        self._with_attention = with_attention
        self._units = units
        self._width = width
        self._recency_width = recency_width
        self._dropout = dropout
        self._length = length
        self._schedule = schedule
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "RecencyLSTMRanker":
        seeded(self._seed)
        network = self.network(past)
        examples = Sequences(past, grain, self._length, self._seed)
        loss_curve = learn(network, next_item_loss(), examples, self._schedule, self._seed, progress, self.name)
        ranker = RecencyLSTMLineRanker if grain is Grain.LINE else RecencyLSTMRanker
        return ranker(network, self._length, past.vocabulary_size, loss_curve)

    def network(self, past: Purchases) -> keras.Model:
        """From items and recency buckets [B, L] to logits [B, L, V]; what is padded has no influence."""
        item = keras.Input((None,), dtype="int32", name="item")
        recency = keras.Input((None,), dtype="int32", name="recency")
        items = item_embedding(past, self._width, mask_padding=True)
        vectors = items(item)
        if self._with_recency:
            buckets = layers.Embedding(RECENCY_BUCKETS + 1, self._recency_width, mask_zero=True)(recency)
            vectors = layers.Concatenate()([vectors, buckets])
        state = layers.LSTM(self._units, return_sequences=True)(layers.Dropout(self._dropout)(vectors))
        if self._with_attention:
            # A position may look at what was known there, never ahead.
            found = layers.Attention(use_scale=True)([state, state], use_causal_mask=True)
            state = layers.Concatenate()([state, found])
        logits = ItemsByEmbedding(items, past)(layers.Dropout(self._dropout)(state))
        return keras.Model({"item": item, "recency": recency}, logits)


class Sequences:
    """The histories of a past in sequences: items and their recency, and what came after each."""

    def __init__(self, past: Purchases, grain: Grain, length: int, seed: int) -> None:
        line = past.by_user.line
        self._next_lines = NextLines(past, grain, length, seed)
        self._item = past.item[line]
        self._recency = recency_buckets(past.at.max(initial=0) - past.at[line])
        self.at = self._next_lines.at

    def batch(self, rows: Int64s) -> tuple[Arrays, Int32s]:
        read, said = self._next_lines.draw(rows)
        inputs = {"item": looked_up(self._item, read), "recency": looked_up(self._recency, read)}
        return inputs, looked_up(self._item, said)


class RecencyLSTMRanker(Frozen):
    """Answers with what comes after the last position."""

    def __init__(self, network: keras.Model, length: int, vocabulary_size: int, loss_curve: LossCurve) -> None:
        self._call = compiled(at_the_end(network))
        self._length = length
        self._vocabulary_size = vocabulary_size
        self.loss_curve = loss_curve

    def scores(self, moments: Moments) -> Float32s:
        inputs = self._inputs(moments)
        return answered(
            self._call,
            len(moments),
            self._vocabulary_size,
            lambda rows: {name: values[rows] for name, values in inputs.items()},
        )

    def _inputs(self, moments: Moments) -> Arrays:
        """The newest items and their recency, left padded; items that the model has never seen are passed over
        as padding is: [n, length] each."""
        start, _, end = moments.spans
        line = moments.purchases.by_user.line
        places = newest(start, end, self._length)
        item = known(looked_up(moments.purchases.item[line], places), self._vocabulary_size, otherwise=PADDING)
        age = moments.as_of[:, None] - looked_up(moments.purchases.at[line], places)
        return {"item": item, "recency": np.where(item == PADDING, PADDING, recency_buckets(age))}


class RecencyLSTMLineRanker(OneNextItem, RecencyLSTMRanker):
    """Its scores are logits of the one next line."""
