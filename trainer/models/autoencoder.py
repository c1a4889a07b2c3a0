"""An autoencoder over the user's item vector: what it gives back although it was not there is recommended.

    how often each item was bought, between 0 and 1  ->  hidden  ->  hidden  ->  hidden  ->  the same vector

After a tutorial on recommending with autoencoders in TensorFlow (MovieLens 1M, precision@10, 80/20 hold-out per
user): two hidden layers in the encoder, the same two back again in the decoder, sigmoids throughout, squared
error. Its vectors hold ratings scaled to 0..1; here, where nobody rates, log(1 + orders that held the item) as a
share of the user's largest. It leaves bought items out of its lists, which is a setting here: where people buy
again, what was bought comes back strongest, and should.

What is different here: the tutorial's layers of 10 and 5 cannot tell users apart, and its RMSProp at a rate of 0.03
is here Adam at a smaller one; output biases start at each item's mean, so that the layers learn what differs.
"""

import keras
import numpy as np
from keras import layers
from scipy import sparse

from serving.features import Int64s
from trainer.models.histories import Histories, dense, orders_by_user
from trainer.models.keras_training import Arrays, answered, compiled, learn, seeded, starting_at
from trainer.models.model import Frozen, Grain, LossCurve
from trainer.models.schedule import Schedule
from trainer.models.user_vectors import without_bought
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases

RARE = 1e-5
"""Mean of an item that hardly anybody bought: where a sigmoid's bias may start."""
SCHEDULE = Schedule(epochs=100, steps=3_000)


class Autoencoder:
    """Reads how often each item was bought; the same at both grains.

    hidden: sizes of the encoder's layers; leave_out_bought: whether what the user has bought is recommended last.
    """

    def __init__(
        self,
        name: str = "autoencoder",
        hidden: tuple[int, int] = (256, 128),
        leave_out_bought: bool = False,
        schedule: Schedule = SCHEDULE,
        seed: int = 0,
    ) -> None:
        self.name = name
        self._hidden = hidden
        self._leave_out_bought = leave_out_bought
        self._schedule = schedule
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "AutoencoderRanker":
        seeded(self._seed)
        examples = Users(past)
        network = self._network(examples.mean())
        loss_curve = learn(network, "mean_squared_error", examples, self._schedule, self._seed, progress, self.name)
        return AutoencoderRanker(network, past.vocabulary_size, self._leave_out_bought, loss_curve)

    def _network(self, mean: Float32s) -> keras.Model:
        vector = keras.Input((len(mean),), name="vector")
        hidden = vector
        for size in (*self._hidden, self._hidden[0]):
            hidden = layers.Dense(size, activation="relu")(hidden)
        bias = starting_at(np.log(mean / (1 - mean)))
        return keras.Model(
            {"vector": vector}, layers.Dense(len(mean), activation="sigmoid", bias_initializer=bias)(hidden)
        )


class Users:
    """All users of a past, each as a vector that is to be given back."""

    def __init__(self, past: Purchases) -> None:
        vectors = scaled(orders_by_user(past))
        self._vectors = vectors[np.diff(vectors.indptr) > 0]
        line, first, _ = past.by_user
        self.at = past.at[line[first[1:][np.diff(first) > 0] - 1]]

    def mean(self) -> Float32s:
        """The share of each item, over all users: [V]."""
        total = np.asarray(self._vectors.sum(axis=0), np.float32).ravel()
        share: Float32s = np.clip(total / max(1, self._vectors.shape[0]), RARE, 1 - RARE)
        return share

    def batch(self, rows: Int64s) -> tuple[Arrays, Float32s]:
        vectors = dense(self._vectors[rows])
        return {"vector": vectors}, vectors


def scaled(orders: sparse.csr_matrix) -> sparse.csr_matrix:
    """Counts as log(1 + count), as a share of the largest in each row: between 0 and 1, shape as it is.

    >>> scaled(sparse.csr_matrix([[0.0, 1.0, 3.0]])).toarray().round(2).tolist()
    [[0.0, 0.5, 1.0]]
    """
    logarithms = orders.log1p()
    largest = np.maximum(logarithms.max(axis=1).toarray(), np.float32(1e-9))
    return sparse.csr_matrix(logarithms.multiply(1 / largest))


class AutoencoderRanker(Frozen):
    """Gives back the vectors of those who ask."""

    def __init__(
        self, network: keras.Model, vocabulary_size: int, leave_out_bought: bool, loss_curve: LossCurve
    ) -> None:
        self._call = compiled(network)
        self._vocabulary_size = vocabulary_size
        self._leave_out_bought = leave_out_bought
        self.loss_curve = loss_curve

    def scores(self, moments: Moments) -> Float32s:
        def vectors(rows: slice) -> Arrays:
            return {"vector": dense(scaled(Histories.of(moments.rows(rows), self._vocabulary_size).orders()))}

        scores = answered(self._call, len(moments), self._vocabulary_size, vectors)
        if self._leave_out_bought:
            return without_bought(scores, Histories.of(moments, self._vocabulary_size))
        return scores
