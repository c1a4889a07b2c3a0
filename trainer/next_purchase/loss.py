"""What a good answer is."""

import keras
from keras import ops

from serving.features import PADDING
from trainer.next_purchase.tensors import FAR, Tensor


class OrderLoss(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """How surprising an order was: `targets` [B, T] are its items, padded; `logits` [B, V].

    The first part asks for any item of the order, as the top of a list is judged: minus the logarithm
    of their summed probability. The second, smaller one asks for each of them. Padding counts nowhere.
    """

    def __init__(self, each: float = 0.3) -> None:
        super().__init__(name="order")
        self.each = each

    def call(self, targets: Tensor, logits: Tensor) -> Tensor:
        targets = ops.cast(targets, "int32")
        real = ops.cast(targets != PADDING, "float32")
        picked = ops.take_along_axis(logits, targets, axis=-1) - ops.logsumexp(logits, axis=-1, keepdims=True)
        any_of_them = -ops.logsumexp(picked - FAR * (1.0 - real), axis=-1)
        each_of_them = -ops.sum(picked * real, axis=-1) / ops.maximum(ops.sum(real, axis=-1), 1.0)
        return any_of_them + self.each * each_of_them
