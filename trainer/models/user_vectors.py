"""A user's history as one vector over the catalogue, as feed-forward networks read it."""

import numpy as np

from serving.features import Int32s, Int64s
from trainer.models.histories import Histories
from trainer.purchases import Float32s

FAR_BELOW = 1e6
"""Taken off the scores of items that are to be left out of lists; they keep their order."""


def newest_counts(row: Int64s, item: Int32s, value: Float32s, shape: tuple[int, int]) -> Float32s:
    """One value per user and item, that of the line that comes last; 0 where there is none: `shape`, [n, V].

    >>> newest_counts(np.array([0, 0]), np.array([1, 1]), np.array([0.2, 0.9]), (1, 2)).tolist()
    [[0.0, 0.8999999761581421]]
    """
    vectors = np.zeros(shape, np.float32)
    vectors[row, item] = value
    return vectors


def without_bought(scores: Float32s, histories: Histories) -> Float32s:
    """The scores [n, V], with everything that the users have already bought far below the rest."""
    # An item that was bought twice is still taken down once: all its lines set the same value.
    scores[histories.row, histories.item] -= FAR_BELOW
    return scores
