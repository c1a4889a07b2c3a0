"""What a good answer is."""

import keras
from keras import ops

from serving.features import PADDING
from trainer.next_purchase.tensors import FAR, Tensor

EACH, MORE_OF_EACH = 0.3, 3.0
"""How much the second part counts: in a shop where what a customer buys is hard to foresee, and where it is not."""


class OrderLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """How surprising an order was: `targets` [B, T] are its items, padded; `logits` [B, V].

    The first part asks for any item of the order, as the top of a list is judged: minus the logarithm of their summed
    probability. The second one asks for each of them, as a whole list is judged; an item counts the same there however
    many others its order holds. Padding counts nowhere.
    """

    def __init__(self, each: float = EACH) -> None:
        super().__init__(name="order")
        self.each = each

    def call(self, targets: Tensor, logits: Tensor) -> Tensor:
        targets = ops.cast(targets, "int32")
        picked = ops.take_along_axis(logits, targets, axis=-1) - ops.logsumexp(logits, axis=-1, keepdims=True)
        return _surprise(picked, ops.cast(targets != PADDING, "float32"), self.each)


class ShortlistLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """The same where K items are asked about: `bought` [B, K] is 1 for those of the order, at least one."""

    def __init__(self, each: float = EACH) -> None:
        super().__init__(name="shortlist")
        self.each = each

    def call(self, bought: Tensor, logits: Tensor) -> Tensor:
        return _surprise(ops.log_softmax(logits, axis=-1), bought, self.each)


def _surprise(log_p: Tensor, real: Tensor, each: float) -> Tensor:
    """Of the items whose probabilities' logarithms are given; `real` is 0 for those that do not count."""
    any_of_them = -ops.logsumexp(log_p - FAR * (1.0 - real), axis=-1)
    # Divided by how many all orders hold, not by how many this one does: its items would count less, the larger it is.
    n_usual = ops.maximum(ops.mean(ops.sum(real, axis=-1)), 1.0)
    each_of_them = -ops.sum(log_p * real, axis=-1) / n_usual
    return any_of_them + each * each_of_them
