"""A model must not look ahead, and some moments of every walk find out whether it does.

Where time goes on from moment to moment, the purchases that a ranker is given hold more than what was visible at
each of them. So a few moments are asked again with nothing after them left to be seen: the scores must be the same.
"""

import numpy as np

from serving.features import FIRST_ITEM
from trainer.backtest.errors import LookedAhead
from trainer.models.model import Ranker
from trainer.purchases import Float32s, Moments

PROBES = 3
"""Moments of a step that are asked again."""
TOLERANCE = 1e-3
"""Of the largest score: arithmetic may depend on the size of a batch, but not so much."""


def check(ranker: Ranker, moments: Moments) -> None:
    """LookedAhead where scores depend on lines after the moment that was asked about."""
    for row in np.unique(np.linspace(0, len(moments) - 1, PROBES).astype(np.int64)):
        one = moments.rows(slice(row, row + 1))
        if not _alike(ranker.scores(one), ranker.scores(_with_nothing_after(one))):
            raise LookedAhead("its scores depend on what was bought after the moment that it was asked about")


def _with_nothing_after(moment: Moments) -> Moments:
    visible = moment.purchases.before(int(moment.before[0]))
    return Moments(visible, moment.user, moment.before, moment.as_of, moment.open_from)


def _alike(scores: Float32s, others: Float32s) -> bool:
    items, other_items = scores[:, FIRST_ITEM:], others[:, FIRST_ITEM:]
    largest = float(np.abs(items).max(initial=0))
    return np.allclose(items, other_items, rtol=TOLERANCE, atol=TOLERANCE * largest)
