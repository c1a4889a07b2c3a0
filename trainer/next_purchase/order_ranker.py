"""The trained model at order grain, asked with the facts of each day: they go on with the stream, its weights stay.

Within the time of the fit it is asked with the facts of the question's day; after it, with those of the last day
that was observed.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow

from serving.features import Float32s
from trainer.next_purchase.batches import training_inputs
from trainer.next_purchase.examples import visible_lines
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.training import Learnt
from trainer.purchases import Moments, Purchases

BATCH = 128


class NextPurchaseRanker:
    """A model, and the facts of each day."""

    def __init__(self, learnt: Learnt) -> None:
        self.model = learnt.model
        self.loss_curve = learnt.loss_curve
        self._facts = learnt.facts
        self._ledger: Ledger | None = None
        self._logits: Callable[..., Any] = tensorflow.function(learnt.model.__call__, reduce_retracing=True)

    def scores(self, moments: Moments) -> Float32s:
        lines = visible_lines(moments.purchases)
        parts = [moments.rows(slice(start, start + BATCH)) for start in range(0, len(moments), BATCH)]
        answers = [self._logits(training_inputs(lines, part, self._facts)).numpy() for part in parts]
        return np.concatenate([np.empty((0, self._facts.tables.shape[1]), np.float32), *answers])

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        """Another table of facts where a new day has begun: what had happened before that day."""
        if end == start:
            return
        if self._ledger is None or self._ledger.purchases is not purchases:
            self._ledger = Ledger(purchases, self._facts.tables.shape[1])
        today = self._ledger.day_of(int(purchases.at[end - 1]))
        if today > self._facts.made_at[-1]:
            self._facts = self._facts.followed_by(today, self._ledger.table(today))
