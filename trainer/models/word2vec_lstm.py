"""Items as words, histories as sentences: Word2Vec vectors of the items are read by an LSTM of two layers.

    history  ->  Word2Vec vectors (100 numbers, beside them: has one; normalised number of the item)
             ->  LSTM  ->  LSTM  ->  next item

After the BTRNN paper of Fanatics ("bought together" RNN, section 2 and supplement 2): windows of 12 lines, of
which the first 11 are read and the last is predicted; two layers of 600; items that were only ever somebody's first
are not predicted, and users with a single line are not learnt from. Asked about one seed item it says what is
bought next to it; asked step by step, with its own best answer taken as bought, what the next orders will hold.

What is different here: the vectors are learnt from purchases by gensim (the paper: from views, by Spark; window 5,
skip-gram and hierarchical softmax, as in both), brought to unit spread, and then stay as they are. A window is
learnt from at each of its positions at once, instead of being cut into windows of each length: the same pairs of
history and next item in a twelfth of the time, of which those in the middle of a long history see fewer than 11
lines. Zeros before a short history are skipped. At the grain of orders the item that is predicted is one of the
next order (see `next_lines`). The default size of a layer is 128, for time.
"""

from collections.abc import Sequence

import keras
import numpy as np
from gensim.models import Word2Vec
from keras import layers

from serving.features import FIRST_ITEM, PADDING, Int32s, Int64s
from trainer.models.keras_training import (
    Arrays,
    all_items,
    answered,
    at_the_end,
    compiled,
    learn,
    next_item_loss,
    seeded,
)
from trainer.models.model import Frozen, Grain, LossCurve
from trainer.models.next_lines import NextLines
from trainer.models.one_next_item import OneNextItem
from trainer.models.schedule import Schedule
from trainer.models.windows import known, looked_up, newest
from trainer.progress import Progress, timed_step
from trainer.purchases import Float32s, Moments, Purchases

LENGTH = 11
"""Items that are read; with the one that is predicted, the paper's windows of 12."""
VECTOR_SIZE = 100
NEIGHBOURS = 5
"""Items on each side of an item that Word2Vec counts as its context."""
FEWEST_OCCURRENCES = 5
"""Items that were bought less often get no vector."""
IMPOSSIBLE = -1e4
"""Added to the logits of items that are never predicted."""
SCHEDULE = Schedule(steps=1_000)


class Word2VecLSTM:
    """Reads the vectors of the newest items.

    units: size of each of the two layers; vector_size: numbers per item; sweeps: times that Word2Vec reads all
    histories.
    """

    name = "word2vec-lstm"

    def __init__(
        self,
        units: int = 128,
        vector_size: int = VECTOR_SIZE,
        sweeps: int = 5,
        dropout: float = 0.2,
        schedule: Schedule = SCHEDULE,
        seed: int = 0,
    ) -> None:
        self._units = units
        self._vector_size = vector_size
        self._sweeps = sweeps
        self._dropout = dropout
        self._schedule = schedule
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "Word2VecLSTMRanker":
        seeded(self._seed)
        with timed_step(progress, "learn item vectors"):
            vectors = item_vectors(past, self._vector_size, self._sweeps, self._seed)
        network = self._network(past, vectors)
        loss_curve = learn(
            network, next_item_loss(), Windows(past, grain, self._seed), self._schedule, self._seed, progress, self.name
        )
        ranker = Word2VecLSTMLineRanker if grain is Grain.LINE else Word2VecLSTMRanker
        return ranker(network, predicted(past), loss_curve)

    def _network(self, past: Purchases, vectors: Float32s) -> keras.Model:
        """From items [B, L] to logits [B, L, V]."""
        item = keras.Input((None,), dtype="int32", name="item")
        state = layers.Embedding(*vectors.shape, weights=[vectors], trainable=False, mask_zero=True)(item)
        for _ in range(2):
            state = layers.Dropout(self._dropout)(layers.LSTM(self._units, return_sequences=True)(state))
        return keras.Model({"item": item}, all_items(past)(state))


def item_vectors(past: Purchases, size: int, sweeps: int, seed: int) -> Float32s:
    """What the LSTM reads of each item, the paper's formula (6) onwards: [V, 2 + size].

    Column 0 says whether the item has a Word2Vec vector, column 1 is its number as a share of the largest one, the
    others are the vector; it is zero where there is none. The row of padding is zero.
    """
    words = past.item[past.by_user.line].astype(str)
    sentences = [
        words[start:end].tolist() for start, end in zip(past.by_user.first, past.by_user.first[1:], strict=False)
    ]
    vectors = np.zeros((past.vocabulary_size, 2 + size), np.float32)
    vectors[FIRST_ITEM:, 1] = np.arange(FIRST_ITEM, past.vocabulary_size) / max(1, past.vocabulary_size - 1)
    model = Word2Vec(
        vector_size=size, window=NEIGHBOURS, min_count=FEWEST_OCCURRENCES, sg=1, hs=1, negative=0, seed=seed, workers=1
    )
    model.build_vocab(sentences)
    if len(model.wv):
        model.train(sentences, total_examples=model.corpus_count, epochs=sweeps)
        found = np.array(model.wv.index_to_key, np.int64)
        vectors[found, 0] = 1.0
        # Of a small shop they stay short, and an LSTM is slow to hear what is whispered.
        vectors[found, 2:] = model.wv.vectors / model.wv.vectors.std()
    return vectors


def predicted(past: Purchases) -> Float32s:
    """What is added to each item's logit: nothing where somebody bought it after something else, IMPOSSIBLE for
    all others: [V]."""
    added = np.full(past.vocabulary_size, IMPOSSIBLE, np.float32)
    added[past.item[past.by_user.rank > 0]] = 0.0
    return added


class Windows:
    """The histories of a past in windows: items, and what came after each."""

    def __init__(self, past: Purchases, grain: Grain, seed: int) -> None:
        self._next_lines = NextLines(past, grain, LENGTH, seed)
        self._item = past.item[past.by_user.line]
        self.at = self._next_lines.at

    def batch(self, rows: Int64s) -> tuple[Arrays, Int32s]:
        read, said = self._next_lines.draw(rows)
        return {"item": looked_up(self._item, read)}, looked_up(self._item, said)


class Word2VecLSTMRanker(Frozen):
    """Answers with what comes after the last position."""

    def __init__(self, network: keras.Model, added: Float32s, loss_curve: LossCurve) -> None:
        last = at_the_end(network)
        self._call = compiled(keras.Model(last.input, last.output + added))
        self._vocabulary_size = len(added)
        self.loss_curve = loss_curve

    def scores(self, moments: Moments) -> Float32s:
        start, _, end = moments.spans
        item = looked_up(moments.purchases.item[moments.purchases.by_user.line], newest(start, end, LENGTH))
        return self.after(known(item, self._vocabulary_size, otherwise=PADDING))

    def after(self, histories: Int32s) -> Float32s:
        """Scores of all items after each history of at most LENGTH items, oldest first, left padded: [n, V]."""
        return answered(self._call, len(histories), self._vocabulary_size, lambda rows: {"item": histories[rows]})

    def bought_together(self, items: Int32s) -> Float32s:
        """Scores of all items for somebody of whom only one bought item is known, for each of n items: [n, V]."""
        return self.after(np.pad(items[:, None], ((0, 0), (LENGTH - 1, 0))))

    def next_items(self, history: Sequence[int], n_steps: int) -> list[int]:
        """The likeliest item of the next order, of the one after it if that was bought, and so on; what was given
        already is not given again."""
        given: list[int] = []
        for _ in range(n_steps):
            newest_items = [*history, *given][-LENGTH:]
            padded = np.array([PADDING] * (LENGTH - len(newest_items)) + newest_items, np.int32)
            scores = self.after(padded[None])[0]
            scores[[*range(FIRST_ITEM), *given]] = -np.inf
            given.append(int(scores.argmax()))
        return given


class Word2VecLSTMLineRanker(OneNextItem, Word2VecLSTMRanker):
    """Its scores are logits of the one next line."""
