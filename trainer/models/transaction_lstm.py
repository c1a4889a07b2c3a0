"""An LSTM over one transaction: what lies in the open order says what is put into it next.

    nothing yet, item, item, ..  ->  embedding (beside it the user's, if asked for)  ->  LSTM  ->  next item

After chapter 9 of "TensorFlow Machine Learning Projects" (RNN for recommender systems): an order starts with
a dummy item and an empty state, so without user embedding all orders begin with the same list; with it the
model knows who asks, and nothing else of the user's past. At the grain of orders it is therefore asked what
they begin with.

What is different here: the chapter cuts orders into overlapping windows of 5 lines and learns from each line
up to five times in one epoch of plain gradient descent (two layers of 200, rate 1.0, batches of 20), carrying
the state from one shuffled batch to the next. Here each line is learnt from once per epoch, in windows of 25
that start empty, by Adam, with dropout, until what is held out gets no better; one layer of 128 is the default,
for time. Users with a single order share one embedding with everybody who is new.
"""

from typing import NamedTuple

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray

from serving.features import PADDING, UNKNOWN, Int32s, Int64s
from trainer.models.keras_training import Arrays, all_items, answered, compiled, learn, next_item_loss, seeded
from trainer.models.model import Frozen, Grain, LossCurve
from trainer.models.one_next_item import OneNextItem
from trainer.models.schedule import Schedule
from trainer.models.windows import from_oldest, known, looked_up
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases, runs

WINDOW = 25
"""Lines that are learnt from in one sequence."""
FORGOTTEN = 0.02
"""Share of input items that are shown as unknown, so that something is learnt about those that are."""
SOMEBODY = 0
"""The embedding of all users of whom there is too little to learn."""
CELLS_AT_ONCE = 1 << 16
"""Positions that are read in one piece when many orders are asked about."""
SCHEDULE = Schedule(steps=1_500, batch_size=32, learning_rate=3e-3)


class TransactionLSTM:
    """Reads the open order.

    with_user: whether the user's embedding is read beside each item. units, width: sizes of the state and of the
    embeddings; n_layers: LSTMs on top of each other.
    """

    def __init__(
        self,
        name: str = "transaction-lstm",
        with_user: bool = False,
        units: int = 128,
        width: int = 64,
        n_layers: int = 1,
        dropout: float = 0.2,
        schedule: Schedule = SCHEDULE,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._with_user = with_user
        self._units = units
        self._width = width
        self._n_layers = n_layers
        self._dropout = dropout
        self._schedule = schedule
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "TransactionLSTMRanker":
        seeded(self._seed)
        embedding = returning(past) if self._with_user else np.zeros(0, np.int32)
        encoder, head = self._network(past, n_users=int(embedding.max(initial=SOMEBODY)) + 1)
        network = keras.Model(encoder.input, head(encoder.output))
        examples = Orders(past, embedding, self._seed)
        loss_curve = learn(network, next_item_loss(), examples, self._schedule, self._seed, progress, self.name)
        ranker = TransactionLSTMLineRanker if grain is Grain.LINE else TransactionLSTMRanker
        return ranker(encoder, head, embedding, past.vocabulary_size, loss_curve)

    def _network(self, past: Purchases, n_users: int) -> tuple[keras.Model, layers.Layer]:
        """From items (and users) [B, L] to states [B, L, units], and from states to logits."""
        item = keras.Input((None,), dtype="int32", name="item")
        inputs, vectors = {"item": item}, layers.Embedding(past.vocabulary_size, self._width)(item)
        if self._with_user:
            user = keras.Input((None,), dtype="int32", name="user")
            inputs["user"] = user
            vectors = layers.Concatenate()([vectors, layers.Embedding(n_users, self._width)(user)])
        state = layers.Dropout(self._dropout)(vectors)
        for _ in range(self._n_layers):
            state = layers.LSTM(self._units, return_sequences=True)(state)
            state = layers.Dropout(self._dropout)(state)
        return keras.Model(inputs, state), all_items(past)


class Orders:
    """The orders of a past in windows: what lay in the order before each line, and the line."""

    def __init__(self, past: Purchases, embedding: Int32s, seed: int, forgotten: float = FORGOTTEN) -> None:
        starts = past.order_starts
        self._past = past
        self._embedding = embedding
        self._is_first = np.zeros(len(past), np.bool_)
        self._is_first[starts] = True
        ends = np.append(starts[1:], len(past))
        # Where orders are single lines, windows of one line: nothing but padding would fill longer ones.
        self._windows = from_oldest(starts, ends, min(WINDOW, int((ends - starts).max(initial=1))))
        self._random = np.random.default_rng(seed)
        self._forgotten = forgotten
        self.at = past.at[self._windows[:, 0]]

    def batch(self, rows: Int64s) -> tuple[Arrays, Int32s]:
        window = self._windows[rows]
        target = looked_up(self._past.item, window)
        before = np.where(self._is_first[window], PADDING, self._past.item[window - 1]).astype(np.int32)
        before[(self._random.random(before.shape) < self._forgotten) & (before != PADDING)] = UNKNOWN
        return _inputs(before, self._embedding, self._past.user[window[:, 0]]), target


class OpenOrders(NamedTuple):
    """The orders that moments ask about, each once, and which of its states answers which moment.

    An LSTM never looks ahead, so the state after a line is the same whether or not the order went on.
    """

    start: Int64s
    """Run of each order in `by_user.line`, as long as its longest asker has it: [orders]."""
    end: Int64s
    user: Int32s
    order: Int64s
    """Of each moment: [n]."""
    n_lines: Int64s
    """How many lines lay in the order at each moment: [n]."""

    @classmethod
    def of(cls, moments: Moments) -> "OpenOrders":
        _, start, end = moments.spans
        keys = np.stack([moments.user, start])
        _, first, order = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        longest = np.zeros(len(first), np.int64)
        np.maximum.at(longest, order, end)
        return cls(start[first], longest, moments.user[first], order, end - start)

    def pieces(self) -> list[Int64s]:
        """Orders of similar length, so many that little memory is needed."""
        by_length = np.argsort(self.end - self.start, kind="stable")
        sizes = (self.end - self.start)[by_length] + 1
        bound = np.flatnonzero(np.diff(np.cumsum(sizes) // CELLS_AT_ONCE, prepend=0))
        return [piece for piece in np.split(by_length, bound) if len(piece)]


class TransactionLSTMRanker(Frozen):
    """Reads each open order once, however many moments ask about it."""

    def __init__(
        self, encoder: keras.Model, head: layers.Layer, embedding: Int32s, vocabulary_size: int, loss_curve: LossCurve
    ) -> None:
        self._encoder = compiled(encoder)
        self._head = compiled(head)
        self._units = encoder.output.shape[-1]
        self._embedding = embedding
        self._vocabulary_size = vocabulary_size
        self.loss_curve = loss_curve

    def scores(self, moments: Moments) -> Float32s:
        state = self._states(moments)
        return answered(self._head, len(moments), self._vocabulary_size, lambda rows: state[rows])

    def _states(self, moments: Moments) -> Float32s:
        """What the LSTM knows at each moment: [n, units]."""
        orders = OpenOrders.of(moments)
        item = known(moments.purchases.item[moments.purchases.by_user.line], self._vocabulary_size)
        state = np.zeros((len(moments), self._units), np.float32)
        place_of = np.empty(len(orders.start), np.int64)
        for piece in orders.pieces():
            place_of[piece] = np.arange(len(piece))
            asking = np.flatnonzero(np.isin(orders.order, piece))
            states = self._encoder(self._read(orders, piece, item)).numpy()
            state[asking] = states[place_of[orders.order[asking]], orders.n_lines[asking]]
        return state

    def _read(self, orders: OpenOrders, piece: Int64s, item: Int32s) -> Arrays:
        start, end = orders.start[piece], orders.end[piece]
        items = np.full((len(piece), int((end - start).max()) + 1), PADDING, np.int32)
        row = np.repeat(np.arange(len(piece)), end - start)
        places = runs(start, end)
        items[row, 1 + places - start[row]] = item[places]
        return _inputs(items, self._embedding, orders.user[piece])


class TransactionLSTMLineRanker(OneNextItem, TransactionLSTMRanker):
    """Its scores are logits of the one next line."""


def returning(past: Purchases) -> Int32s:
    """The number of each user's own embedding, SOMEBODY for those with a single order: [n_users].

    >>> from tests.shops import markov
    >>> int(returning(markov(n_users=3).purchases).max())
    3
    """
    n_orders = np.bincount(past.user[past.order_starts], minlength=past.n_users)
    own: NDArray[np.bool_] = n_orders > 1
    return np.where(own, np.cumsum(own), SOMEBODY).astype(np.int32)


def _inputs(items: Int32s, embedding: Int32s, user: Int32s) -> Arrays:
    """What the network reads; the user stands beside every item."""
    if not len(embedding):
        return {"item": items}
    number = np.where(user < len(embedding), embedding[np.minimum(user, len(embedding) - 1)], SOMEBODY)
    return {"item": items, "user": np.broadcast_to(number[:, None], items.shape).astype(np.int32)}
