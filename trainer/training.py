"""Train one model on examples."""

import keras
import numpy as np
import tensorflow

from serving.features import Int32s, Int64s, ModelInputs
from trainer.lstm import NextPurchaseModel, OrderLoss
from trainer.progress import Progress
from trainer.sequences import Examples
from trainer.settings import TrainerSettings

WARM_UP_STEPS = 100


class Batches(keras.utils.PyDataset):  # type: ignore[misc] # Keras has no types
    """The examples in batches, in another order in each epoch; inputs are made when they are needed."""

    def __init__(self, examples: Examples, batch_size: int, seed: int) -> None:
        super().__init__()
        self._examples = examples
        self._batch_size = batch_size
        self._random = np.random.default_rng(seed)
        self._order = self._random.permutation(len(examples))

    def __len__(self) -> int:
        return n_batches(len(self._examples), self._batch_size)

    def __getitem__(self, number: int) -> tuple[ModelInputs, Int32s]:
        chosen = self._order[number * self._batch_size : (number + 1) * self._batch_size]
        batch = self._examples.rows(chosen)
        return batch.inputs(), batch.targets

    def on_epoch_end(self) -> None:
        self._order = self._random.permutation(len(self._examples))


class _Told(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Passes on how the training goes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._progress.advanced(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._progress.noted(f"loss {(logs or {})['loss']:.3f}")


def use_threads(threads: int) -> None:
    """How many cores TensorFlow may use in this process; it must be told before its first computation."""
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def n_batches(n_examples: int, batch_size: int) -> int:
    return (n_examples + batch_size - 1) // batch_size


def steps(examples: Examples, settings: TrainerSettings) -> int:
    """How many batches a training takes."""
    return settings.epochs * n_batches(len(examples), settings.batch_size)


def train(examples: Examples, popularity: Int64s, settings: TrainerSettings, progress: Progress) -> NextPurchaseModel:
    """A model that has learnt from the examples; the same examples and seed give the same model."""
    keras.utils.set_random_seed(settings.seed)
    model = NextPurchaseModel(popularity)
    optimizer = keras.optimizers.Adam(_learning_rate(steps(examples, settings), settings), clipnorm=1.0)
    # XLA would compile for longer than it saves.
    model.compile(optimizer, OrderLoss(), jit_compile=False)
    batches = Batches(examples, settings.batch_size, settings.seed)
    model.fit(batches, epochs=settings.epochs, shuffle=False, verbose=0, callbacks=[_Told(progress)])
    return model


def _learning_rate(n_steps: int, settings: TrainerSettings) -> keras.optimizers.schedules.CosineDecay:
    """Up to the settings' rate in the first steps, then down to a fiftieth of it along a cosine."""
    warm_up = min(WARM_UP_STEPS, n_steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 10,
        max(1, n_steps - warm_up),
        alpha=0.02,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
