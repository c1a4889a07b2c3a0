"""Matrix factorization by gradient descent: whether a user buys an item as a yes or no, with sampled noes.

    P(u buys i) = sigmoid(g + b[u] + b[i] + x[u] . y[i])
    loss        = log loss over bought lines and, for each of them, K random pairs of a user and an item
                  + l (|x|^2 + |y|^2)
    scores      = x . y + b[i]

The book chapter "Building a TensorFlow recommender system", section "SGD-based matrix factorization", with its
sizes: 128 factors, K = 5, Adam at 0.005, batches of 5,000 bought lines, 10 epochs. A user's vector is as it was
learnt from the past; who was not in it is offered what is popular.
"""

from typing import Any, NamedTuple, TypeAlias

import keras
import numpy as np
import tensorflow

from serving.features import FIRST_ITEM, Int32s
from trainer.models.model import Grain
from trainer.models.user_factors import UserFactorsRanker
from trainer.progress import Progress, timed_step
from trainer.purchases import Float32s, Purchases

Tensor: TypeAlias = Any
"""A tensor of TensorFlow, which has no type of its own."""


class Pairs(NamedTuple):
    """Users and items, and whether the one bought the other: [n] each."""

    user: Int32s
    item: Int32s
    bought: Float32s


class MatrixFactorization:
    """Learns in epochs over all lines of the past.

    n_factors: length of the vectors;  n_negative: K;  learning_rate: of Adam
    batch_size: bought lines of one step;  penalty: l, for each vector of a batch
    """

    name = "matrix-factorization"

    def __init__(
        self,
        n_factors: int = 128,
        epochs: int = 10,
        n_negative: int = 5,
        learning_rate: float = 0.005,
        batch_size: int = 5_000,
        penalty: float = 1e-7,
        seed: int = 0,
    ) -> None:
        self._n_factors = n_factors
        self._epochs = epochs
        self._n_negative = n_negative
        self._learning_rate = learning_rate
        self._batch_size = batch_size
        self._penalty = penalty
        self._seed = seed

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> UserFactorsRanker:
        random = np.random.default_rng(self._seed)
        factors = Factors(past.n_users, past.vocabulary_size, self._n_factors, random)
        optimizer = keras.optimizers.Adam(self._learning_rate)
        learn = _step(factors, optimizer, self._penalty)
        with timed_step(progress, "matrix factorization", self._epochs):
            for _ in range(self._epochs):
                lines = random.permutation(len(past))
                batches = (lines[start : start + self._batch_size] for start in range(0, len(lines), self._batch_size))
                losses = [float(learn(*self._pairs(past, batch, random))) for batch in batches]
                progress.advanced(1)
                progress.noted(f"loss {np.mean(losses):.3f}")
        return UserFactorsRanker(past, *factors.for_scores())

    def _pairs(self, past: Purchases, lines: np.ndarray, random: np.random.Generator) -> Pairs:
        n_noes = len(lines) * self._n_negative
        users = random.integers(past.n_users, size=n_noes, dtype=np.int32)
        items = random.integers(FIRST_ITEM, past.vocabulary_size, size=n_noes, dtype=np.int32)
        bought = np.repeat(np.array([1, 0], np.float32), [len(lines), n_noes])
        return Pairs(np.append(past.user[lines], users), np.append(past.item[lines], items), bought)


class Factors:
    """What is learnt."""

    def __init__(self, n_users: int, vocabulary_size: int, n_factors: int, random: np.random.Generator) -> None:
        def uniform(rows: int, size: int) -> Tensor:
            limit = np.sqrt(2 / size)
            return tensorflow.Variable(random.uniform(-limit, limit, (rows, size)).astype(np.float32))

        self.users = uniform(n_users, n_factors)
        self.items = uniform(vocabulary_size, n_factors)
        self.user_bias = tensorflow.Variable(tensorflow.zeros(n_users))
        self.item_bias = tensorflow.Variable(tensorflow.zeros(vocabulary_size))
        self.bias = tensorflow.Variable(0.0)

    @property
    def variables(self) -> list[Tensor]:
        return [self.users, self.items, self.user_bias, self.item_bias, self.bias]

    def for_scores(self) -> tuple[Float32s, Float32s]:
        """Users and items, the bias of the items as one more factor; what is the same for all items is left out."""
        users = self.users.numpy()
        ones = np.ones((len(users), 1), np.float32)
        return np.hstack([users, ones]), np.hstack([self.items.numpy(), self.item_bias.numpy()[:, None]])


def _step(factors: Factors, optimizer: keras.optimizers.Optimizer, penalty: float) -> Any:
    optimizer.build(factors.variables)

    @tensorflow.function(reduce_retracing=True)  # type: ignore[untyped-decorator] # TensorFlow has no types
    def step(user: Tensor, item: Tensor, bought: Tensor) -> Tensor:
        with tensorflow.GradientTape() as tape:
            x, y = tensorflow.gather(factors.users, user), tensorflow.gather(factors.items, item)
            biases = (
                factors.bias + tensorflow.gather(factors.user_bias, user) + tensorflow.gather(factors.item_bias, item)
            )
            logit = biases + tensorflow.reduce_sum(x * y, axis=1)
            loss = tensorflow.reduce_mean(tensorflow.nn.sigmoid_cross_entropy_with_logits(bought, logit))
            total = loss + penalty * (tensorflow.reduce_sum(x * x) + tensorflow.reduce_sum(y * y))
        optimizer.apply_gradients(zip(tape.gradient(total, factors.variables), factors.variables, strict=True))
        return loss

    return step
