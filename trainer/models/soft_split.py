"""What was bought so far, weighted by its age, through two hidden layers to what is bought in the next weeks.

    history, decayed by age  ->  hidden  ->  hidden  ->  a sigmoid per item

After Amazon's paper on a recommender with a soft data split (sections 3.2 to 3.5), whose models differ in how a
past is made into inputs and targets, and in nothing else:

    model               ages on the way in     what is to be given back
    predictor           ignored                what was bought in the weeks after
    equally weighted    ignored                that, and the whole history
    soft split          1 / (1 + age / 40)     that, and the history, weighted by 1 / (1 + age / 4)
    learnt decay        by a convolution       as the soft split

with ages in days. The cost is cross-entropy per item: see `soft_split_examples.targets`. The convolution (section
3.4) slides over 32 bins of 22 days per item, with one kernel for all items: a decay of any shape.

What is different here: the paper splits two years at one date and retrains every day; a smaller shop has too few
customers in any one week, so here histories are split at several dates, one after the other, and the weeks after
are four (the paper: one week to three months). Input noise and the penalty on activations are left out; dropout
stays. The paper leaves bought items out of all lists, which is a setting here. Where there are no times, the whole
past counts as one year.
"""

import keras
import tensorflow
from keras import layers, ops

from trainer.models.histories import Histories
from trainer.models.keras_training import Arrays, Tensor, all_items, answered, compiled, learn, seeded
from trainer.models.model import Frozen, Grain, LossCurve
from trainer.models.schedule import Schedule
from trainer.models.soft_split_examples import BINS, NO_BIN, Lines, Read, Splits, day_length
from trainer.models.user_vectors import without_bought
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

INPUT_DECAY = 40.0
OUTPUT_DECAY = 4.0
SCHEDULE = Schedule(epochs=40, steps=2_000, learning_rate=1e-3)


class SoftSplit:
    """Reads the whole history; the same at both grains.

    input_decay: days; learns_decay: by the convolution instead. output_decay: days; None, and the history is not
    given back. hidden: sizes of the two layers. n_splits dates, `days_after` days apart. leave_out_bought: whether
    what the user has bought is recommended last.
    """

    def __init__(
        self,
        name: str = "soft-split",
        input_decay: float = INPUT_DECAY,
        learns_decay: bool = False,
        output_decay: float | None = OUTPUT_DECAY,
        hidden: tuple[int, int] = (256, 256),
        dropout: float = 0.3,
        n_splits: int = 8,
        days_after: float = 28.0,
        leave_out_bought: bool = False,
        schedule: Schedule = SCHEDULE,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._read = Read(input_decay, learns_decay)
        self._output_decay = output_decay
        self._hidden = hidden
        self._dropout = dropout
        self._n_splits = n_splits
        self._days_after = days_after
        self._leave_out_bought = leave_out_bought
        self._schedule = schedule
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "SoftSplitRanker":
        seeded(self._seed)
        network = self._network(past)
        examples = Splits(past, self._read, self._output_decay, self._n_splits, self._days_after)
        loss_curve = learn(network, Cost(), examples, self._schedule, self._seed, progress, self.name)
        return SoftSplitRanker(network, self._read, past, self._leave_out_bought, loss_curve)

    def _network(self, past: Purchases) -> keras.Model:
        inputs, vector = self._inputs(past.vocabulary_size)
        for size in self._hidden:
            vector = layers.Dropout(self._dropout)(layers.Dense(size, activation="relu")(vector))
        return keras.Model(inputs, all_items(past)(vector))

    def _inputs(self, vocabulary_size: int) -> tuple[Arrays, Tensor]:
        """Inputs, and the decayed history [B, V]."""
        if not self._read.is_learnt:
            vector = keras.Input((vocabulary_size,), name="vector")
            return {"vector": vector}, vector
        pairs = {name: keras.Input((None,), dtype="int32", name=name) for name in ("item", "bin")}
        return pairs, DateBinConvolution(vocabulary_size, name="decay")(*pairs.values())


class DateBinConvolution(layers.Layer):  # type: ignore[misc] # Keras has no types
    """Formula (4): from the date bins in which each item was bought to one number per item, [B, V].

    The kernel has one weight per bin, for all items alike, so convolving all items' bins by a stride of BINS means
    to add up the weights of those bins in which something was bought.
    """

    def __init__(self, vocabulary_size: int, name: str) -> None:
        super().__init__(name=name)
        self._vocabulary_size = vocabulary_size
        self.kernel = self.add_weight(name="kernel", shape=(BINS + 1,), initializer="ones")
        self.bias = self.add_weight(name="bias", shape=(), initializer="zeros")

    def call(self, item: Tensor, date_bin: Tensor) -> Tensor:
        weight = ops.take(self.kernel, date_bin, axis=0) * ops.cast(date_bin != NO_BIN, "float32")
        n_users = ops.shape(item)[0]
        user = ops.broadcast_to(ops.arange(n_users, dtype="int32")[:, None], ops.shape(item))
        place = ops.stack([user, item], axis=-1)
        return ops.relu(tensorflow.scatter_nd(place, weight, (n_users, self._vocabulary_size)) + self.bias)


class Cost(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """Cross-entropy per item, weighted as `soft_split_examples.targets` says [B, 2, V]; logits [B, V]."""

    def call(self, targets: Tensor, logits: Tensor) -> Tensor:
        wanted, unwanted = targets[:, 0], targets[:, 1]
        # -log(sigmoid(z)) = softplus(z) - z, and -log(1 - sigmoid(z)) = softplus(z)
        return ops.mean((wanted + unwanted) * ops.softplus(logits) - wanted * logits, axis=-1)


class SoftSplitRanker(Frozen):
    """Reads the histories of those who ask."""

    def __init__(
        self, network: keras.Model, read: Read, past: Purchases, leave_out_bought: bool, loss_curve: LossCurve
    ) -> None:
        self._network = network
        self._call = compiled(network)
        self._read = read
        self._day = day_length(past)
        self._vocabulary_size = past.vocabulary_size
        self._leave_out_bought = leave_out_bought
        self.loss_curve = loss_curve

    def learnt_decay(self) -> Float32s:
        """The kernel of the convolution, newest bin first: [BINS]. ValueError if the decay was given."""
        kernel: Float32s = self._network.get_layer("decay").kernel.numpy()
        return kernel[NO_BIN + 1 :]

    def scores(self, moments: Moments) -> Float32s:
        def inputs(rows: slice) -> Arrays:
            asked = moments.rows(rows)
            return self._read.inputs(
                Lines.of(asked, self._vocabulary_size, self._day), len(asked), self._vocabulary_size
            )

        scores = answered(self._call, len(moments), self._vocabulary_size, inputs)
        if self._leave_out_bought:
            return without_bought(scores, Histories.of(moments, self._vocabulary_size))
        return scores
