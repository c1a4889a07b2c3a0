"""The model that the worker serves: an LSTM over a user's orders, with heads that repeat and explore.

See `trainer.next_purchase.network`, and `trainer.next_purchase.line_network` for the next line. At order grain,
within the time of the fit it is asked with the popularity of the question's day; after it, with that of the last
day that was observed, while its weights stay. At line grain it learns on with each day that it is shown.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow

from trainer.models.model import Grain, Ranker
from trainer.next_purchase.batches import training_inputs
from trainer.next_purchase.examples import visible_lines
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.line_fit import fit_lines
from trainer.next_purchase.line_training import LineTraining
from trainer.next_purchase.training import Learnt, learn
from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases
from trainer.settings import TrainerSettings

BATCH = 128


class NextPurchase:
    """Learns as a release does.

    epochs: how often from each order or line; unless given, as often as helps on the newest part of the past, and at
        line grain as often as `lines` say
    lines: settings at line grain;  width: of item vectors there where `lines` are not given, half that of the state
    """

    name = "next-purchase"

    def __init__(
        self,
        epochs: int | None = None,
        seed: int = 1,
        settings: TrainerSettings | None = None,
        lines: LineTraining | None = None,
        width: int = LineTraining().embedding,
    ) -> None:
        self._epochs = epochs
        self._settings = settings or TrainerSettings(seed=seed)
        usual = LineTraining(embedding=width, state=2 * width, seed=seed)
        self._lines = lines or (usual if epochs is None else usual._replace(epochs=epochs, min_steps=1))

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> Ranker:
        if grain is Grain.LINE:
            return fit_lines(past, self._lines, progress)
        return NextPurchaseRanker(learn(past, self._settings, progress, self._epochs))


class NextPurchaseRanker:
    """A model, and the facts of each day."""

    def __init__(self, learnt: Learnt) -> None:
        self.model = learnt.model
        self.loss_curve = learnt.loss_curve
        self._facts = learnt.facts
        self._ledger: Ledger | None = None
        self._logits: Callable[..., Any] = tensorflow.function(learnt.model, reduce_retracing=True)

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
