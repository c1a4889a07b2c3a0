"""What every training with Keras shares."""

import keras
import tensorflow

from trainer.progress import Progress


class Told(keras.callbacks.Callback):  # type: ignore[misc] # Keras has no types
    """Passes on how the training goes."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self._progress.advanced(1)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        told = {"loss": "loss", "val_loss": "held out"}
        self._progress.noted(", ".join(f"{told[name]} {value:.3f}" for name, value in (logs or {}).items()))


def use_threads(threads: int) -> None:
    """How many cores TensorFlow may use in this process; it must be told before its first computation."""
    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(1)


def n_batches(n_examples: int, batch_size: int) -> int:
    return (n_examples + batch_size - 1) // batch_size
