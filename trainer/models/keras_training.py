"""How the networks of this folder learn, so that each of their files tells its own idea alone.

    examples  ->  the newest tenth is held out
              ->  epochs over the others, until what is held out gets no better, or the steps are used up
              ->  a last epoch over all of them at a falling rate: the newest of a past says most about what
                  comes next, so nothing of it stays unseen

A small shop thus gets many epochs and a large one few, in about the same time.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeAlias

import keras
import numpy as np
import tensorflow
from keras import ops
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, PADDING, Int64s
from trainer.models.model import LossCurve
from trainer.models.schedule import Schedule
from trainer.progress import Progress, timed_step
from trainer.purchases import Float32s, Purchases
from trainer.training import Told

Tensor: TypeAlias = Any
"""A tensor of Keras, which has no type of its own."""
Arrays: TypeAlias = dict[str, Any]
"""Inputs by name, or targets by name; the first axis is the example."""

HELD_OUT = 0.1
"""Share of the examples that early stopping looks at."""
FEWEST_HELD_OUT = 10
"""Of fewer examples nothing can be told, and the epochs are not cut short."""
EMBEDDING_SPREAD = 0.2
"""Standard deviation of the numbers of an item's embedding before anything is learnt."""
CELLS_AT_ONCE = 1 << 22
"""Scores that are computed in one piece: keeps them in a few ten megabytes."""


class Examples(Protocol):
    """What a network learns from."""

    at: Int64s
    """Unix time of the newest that each example holds: [n]."""

    def batch(self, rows: Int64s) -> tuple[Arrays, Any]:
        """Inputs and targets of some examples."""


class Batches(keras.utils.PyDataset):  # type: ignore[misc] # Keras has no types
    """Some of the examples in batches, in another order in each epoch; at most `most` batches of them."""

    def __init__(self, examples: Examples, rows: Int64s, batch_size: int, most: int, seed: int) -> None:
        super().__init__()
        self._examples = examples
        self._batch_size = batch_size
        self._most = most
        self._random = np.random.default_rng(seed)
        self._rows = self._random.permutation(rows)

    def __len__(self) -> int:
        return min(self._most, -(-len(self._rows) // self._batch_size))

    def __getitem__(self, number: int) -> tuple[Arrays, Any]:
        return self._examples.batch(self._rows[number * self._batch_size : (number + 1) * self._batch_size])

    def on_epoch_end(self) -> None:
        self._rows = self._random.permutation(self._rows)


class _Falling(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Lets the learning rate fall to nothing in the course of one epoch."""

    def __init__(self, learning_rate: float, n_batches: int) -> None:
        super().__init__()
        self._learning_rate = learning_rate
        self._n_batches = n_batches

    def on_train_batch_begin(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.model.optimizer.learning_rate = self._learning_rate * (1 - batch / self._n_batches)


def learn(
    network: keras.Model, loss: Any, examples: Examples, schedule: Schedule, seed: int, progress: Progress, name: str
) -> LossCurve:
    """Fit the network, and tell how the loss fell: one value per epoch, of which the last is the one over
    everything, in which nothing is held out. The same examples and seed give the same weights; what the network
    draws itself (weights, dropout) depends on `seeded` before it is built. Without examples nothing is learnt."""
    if not len(examples.at):
        return LossCurve(())
    # XLA would compile for longer than it saves.
    network.compile(keras.optimizers.Adam(schedule.learning_rate, clipnorm=1.0), loss, jit_compile=False)
    older, newer = by_age(examples.at)
    batches = Batches(examples, older, schedule.batch_size, schedule.steps, seed)
    epochs = max(1, min(schedule.epochs, schedule.steps // max(1, len(batches))))
    everything = Batches(examples, np.arange(len(examples.at)), schedule.batch_size, schedule.steps, seed + 1)
    with timed_step(progress, f"train {name}", epochs * len(batches) + len(everything)):
        first = _until_no_better(network, batches, _held_out(examples, newer, schedule), epochs, schedule, progress)
        falling = _Falling(schedule.learning_rate, len(everything))
        last = network.fit(everything, shuffle=False, verbose=0, callbacks=[Told(progress), falling]).history
    return LossCurve((*first["loss"], *last["loss"]), tuple(first.get("val_loss", ())))


def seeded(seed: int) -> None:
    """What a network draws from here on is the same every time."""
    keras.utils.set_random_seed(seed)


def by_age(at: Int64s) -> tuple[Int64s, Int64s]:
    """Examples that are learnt from, and the newest ones, which are held out; of few none are."""
    order = np.argsort(at, kind="stable")
    n_newer = int(len(at) * HELD_OUT)
    if n_newer < FEWEST_HELD_OUT:
        return order, order[:0]
    return order[:-n_newer], order[-n_newer:]


def _held_out(examples: Examples, rows: Int64s, schedule: Schedule) -> Batches | None:
    return Batches(examples, rows, schedule.batch_size, schedule.steps, seed=0) if len(rows) else None


def _until_no_better(
    network: keras.Model,
    batches: Batches,
    held_out: Batches | None,
    epochs: int,
    schedule: Schedule,
    progress: Progress,
) -> dict[str, list[float]]:
    """Epochs until the held out examples get no better, then back to the best one; the history of Keras."""
    stopping = keras.callbacks.EarlyStopping("val_loss", patience=schedule.patience, restore_best_weights=True)
    history: dict[str, list[float]] = network.fit(
        batches,
        epochs=epochs,
        validation_data=held_out,
        shuffle=False,
        verbose=0,
        callbacks=[Told(progress), *([stopping] if held_out else [])],
    ).history
    return history


def next_item_loss() -> keras.losses.Loss:
    """Cross-entropy of the next item at every position of a sequence; padding counts nowhere."""
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=PADDING)


def all_items(past: Purchases) -> keras.layers.Layer:
    """The layer from states to logits of all items."""
    return keras.layers.Dense(past.vocabulary_size, bias_initializer=starting_at(log_shares(past)))


class ItemsByEmbedding(keras.layers.Layer):  # type: ignore[misc] # Keras has no types
    """From states to logits of all items, by comparing them with the embeddings that the network reads: what it
    knows about an item as a reason it then knows about it as an answer, and no time goes into learning it twice
    (Press and Wolf 2017, "Using the output embedding to improve language models")."""

    def __init__(self, embedding: keras.layers.Embedding, past: Purchases) -> None:
        super().__init__()
        self.supports_masking = True
        self._embedding = embedding
        self._projection = keras.layers.Dense(embedding.output_dim)
        self._bias = self.add_weight(
            name="bias", shape=(past.vocabulary_size,), initializer=starting_at(log_shares(past))
        )

    def call(self, states: Tensor) -> Tensor:
        return ops.matmul(self._projection(states), ops.transpose(self._embedding.embeddings)) + self._bias


def item_embedding(past: Purchases, width: int, mask_padding: bool = False) -> keras.layers.Embedding:
    """Embeddings that are wide enough apart for an LSTM to tell them from each other at once."""
    return keras.layers.Embedding(
        past.vocabulary_size, width, keras.initializers.RandomNormal(stddev=EMBEDDING_SPREAD), mask_zero=mask_padding
    )


def log_shares(past: Purchases) -> NDArray[np.floating]:
    """The logarithm of each item's share of all lines: where the bias of an item starts, so that nothing has to be
    learnt to know what is popular: [V]."""
    share = (np.bincount(past.item, minlength=past.vocabulary_size) + 1) / (len(past) + past.vocabulary_size)
    share[:FIRST_ITEM] = share.min()
    logarithms: NDArray[np.floating] = np.log(share)
    return logarithms


def starting_at(values: Any) -> Any:
    """An initializer of Keras that gives these values."""
    return lambda shape, dtype=None: ops.reshape(ops.cast(values, dtype or "float32"), shape)


def at_the_end(network: keras.Model) -> keras.Model:
    """From the inputs of a network that ends in logits at every position [B, L, V] to those of the last one alone,
    without the others' being computed: [B, V]."""
    head = network.layers[-1]
    return keras.Model(network.input, head(head.input[:, -1]))


def compiled(network: keras.Model) -> Any:
    """The network as a function of arrays, for inference, which takes batches of any size."""
    return tensorflow.function(network, reduce_retracing=True)


def answered(call: Any, n_rows: int, vocabulary_size: int, inputs: Callable[[slice], Any]) -> Float32s:
    """Scores of all rows [n, V], in pieces that need little memory; `inputs` makes a piece's from its rows."""
    scores = np.empty((n_rows, vocabulary_size), np.float32)
    size = max(1, CELLS_AT_ONCE // vocabulary_size)
    for rows in (slice(start, min(start + size, n_rows)) for start in range(0, n_rows, size)):
        scores[rows] = call(inputs(rows)).numpy()
    return scores
