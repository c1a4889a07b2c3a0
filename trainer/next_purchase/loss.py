"""What a good answer is."""

from enum import Enum

import keras
from keras import ops

from serving.features import PADDING
from trainer.next_purchase.tensors import FAR, Tensor


class Aim(Enum):
    """What lists are for. Which of both makes better lists depends on the shop (`manner`)."""

    ANY = "any item of the next order"
    """Where it is hard to foresee what somebody buys."""
    MANY = "many items of the next order"
    """Where customers buy the same again and again: to find anything is easy there, and teaches little."""


_EACH = {Aim.ANY: 0.3, Aim.MANY: 3.0}
"""How much the second part counts."""
_DRAWS = {Aim.ANY: 5, Aim.MANY: 1}
"""How often the first part of a shortlist's loss may try: where any item will do, a list has five places to find it."""


class OrderLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """How surprising an order was: `targets` [B, T] are its items, padded; `logits` [B, V].

    The first part asks for any item of the order, as the top of a list is judged: minus the logarithm of their summed
    probability. The second one asks for each of them: where the aim is to find any, every order counts the same there;
    where it is to find many, every item of a batch. Padding counts nowhere.
    """

    def __init__(self, aim: Aim = Aim.ANY) -> None:
        super().__init__(name="order")
        self.aim = aim

    def call(self, targets: Tensor, logits: Tensor) -> Tensor:
        targets = ops.cast(targets, "int32")
        picked = ops.take_along_axis(logits, targets, axis=-1) - ops.logsumexp(logits, axis=-1, keepdims=True)
        return _surprise(picked, ops.cast(targets != PADDING, "float32"), self.aim, n_draws=1)


class ShortlistLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """The same where K items are asked about: `bought` [B, K] is 1 for those of the order, at least one.

    Where the aim is to find any, the first part is content with one of five items that are drawn by their
    probabilities: an order that a list is sure to find anything of teaches little more.
    """

    def __init__(self, aim: Aim = Aim.ANY) -> None:
        super().__init__(name="shortlist")
        self.aim = aim

    def call(self, bought: Tensor, logits: Tensor) -> Tensor:
        return _surprise(ops.log_softmax(logits, axis=-1), bought, self.aim, _DRAWS[self.aim])


def _surprise(log_p: Tensor, real: Tensor, aim: Aim, n_draws: int) -> Tensor:
    """Of the items whose probabilities' logarithms are given; `real` is 0 for those that do not count."""
    any_of_them = -_log_any_of(ops.logsumexp(log_p - FAR * (1.0 - real), axis=-1), n_draws)
    n_items = ops.sum(real, axis=-1)
    n_shared = n_items if aim is Aim.ANY else ops.mean(n_items)
    each_of_them = -ops.sum(log_p * real, axis=-1) / ops.maximum(n_shared, 1.0)
    return any_of_them + _EACH[aim] * each_of_them


def _log_any_of(log_p: Tensor, n_draws: int) -> Tensor:
    """The logarithm of 1 - (1 - p)^n: that one of n draws succeeds.

    As p times the sum of all powers of 1 - p below n, since where p is tiny 1 - (1 - p)^n would be 0.
    """
    fails = 1.0 - ops.exp(log_p)
    powers = ops.ones_like(log_p)
    for _ in range(n_draws - 1):
        powers = 1.0 + fails * powers
    return log_p + ops.log(powers)
