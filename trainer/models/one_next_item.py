"""Probabilities of the networks that are taught by a softmax over all items."""

import numpy as np
from scipy.special import softmax

from serving.features import FIRST_ITEM
from trainer.purchases import Float32s


class OneNextItem:
    """Mixed in where scores are logits of what comes next, and one item does: at the grain of lines. The one next item
    says little about whether an item is anywhere in the next order."""

    def probabilities(self, scores: Float32s) -> Float32s:
        """Of the items of a row, which add up to one; columns below FIRST_ITEM have none.

        >>> OneNextItem().probabilities(np.log(np.array([[9.0, 9.0, 1.0, 3.0]], np.float32))).round(2).tolist()
        [[0.0, 0.0, 0.25, 0.75]]
        """
        probabilities = np.zeros_like(scores)
        probabilities[:, FIRST_ITEM:] = softmax(scores[:, FIRST_ITEM:], axis=1)
        return probabilities
