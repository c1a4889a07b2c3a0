"""Train the model on a past; how long is found out on the newest part of it."""

from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np

from serving.features import Float32s
from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import Architecture, fitting
from trainer.next_purchase.batches import Batches
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.facts import ItemFacts, Ledger
from trainer.next_purchase.loss import OrderLoss
from trainer.next_purchase.network import NextPurchaseModel, Tables
from trainer.progress import Progress
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.training import Told

WARM_UP_STEPS = 100
WATCHED_SHARE = 0.1
"""Of the examples, the newest: on them is seen when learning on would be learning by heart."""
FEWEST_WATCHED = 20


class Learnt(NamedTuple):
    """A model, and what it looked at while it learnt."""

    model: NextPurchaseModel
    facts: ItemFacts
    epochs: int
    loss_curve: LossCurve


def learn(past: Purchases, settings: TrainerSettings, progress: Progress, epochs: int | None = None) -> Learnt:
    """A model that has learnt from all orders of a past; the same past and settings give the same model.

    `epochs` is how often it learns from each; unless given, as often as helps on the newest examples.
    """
    examples = order_examples(past)
    ledger = Ledger(past, past.vocabulary_size)
    facts = ledger.facts()
    architecture = fitting(examples, past.vocabulary_size)
    tables = Tables(facts.tables[-1], median_prices(past))
    task = Task(architecture, tables, facts, settings)
    if epochs is None:
        epochs = best_epochs(task, examples, progress)
    model, losses = task.fit(examples, None, epochs, progress)
    return Learnt(model, facts, epochs, losses)


@dataclass(frozen=True)
class Task:
    """Everything that stays the same, however often and from what is learnt."""

    architecture: Architecture
    tables: Tables
    facts: ItemFacts
    settings: TrainerSettings

    def fit(
        self, examples: Examples, watched: Examples | None, epochs: int, progress: Progress
    ) -> tuple[NextPurchaseModel, LossCurve]:
        """A new model that learns `epochs` times from the examples, or less often where that begins to harm on
        the watched ones."""
        keras.utils.set_random_seed(self.settings.seed)
        model = NextPurchaseModel(self.architecture, self.tables)
        batches = self._batches(examples)
        # XLA would compile for longer than it saves.
        model.compile(self._optimizer(len(batches) * epochs), OrderLoss(), jit_compile=False)
        callbacks: list[keras.callbacks.Callback] = [Told(progress)]
        if watched is not None:
            callbacks += [keras.callbacks.SwapEMAWeights(), keras.callbacks.EarlyStopping("val_loss", patience=1)]
        told = model.fit(
            batches.dataset(),
            epochs=epochs,
            validation_data=None if watched is None else self._batches(watched, fixed=True).dataset(),
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        ).history
        return model, LossCurve(tuple(told["loss"]), tuple(told.get("val_loss", ())))

    def _batches(self, examples: Examples, *, fixed: bool = False) -> Batches:
        return Batches(examples, self.facts, self.settings.batch_size, self.settings.seed, fixed=fixed)

    def _optimizer(self, n_steps: int) -> keras.optimizers.Optimizer:
        # The running mean of the weights needs no rate that falls at the right time, so that an epoch more or
        # less does not change the epochs before it.
        return keras.optimizers.Adam(
            _rate(n_steps, self.settings.learning_rate),
            clipnorm=1.0,
            use_ema=True,
            ema_momentum=self.settings.averaging,
        )


def best_epochs(task: Task, examples: Examples, progress: Progress) -> int:
    """After how many epochs on the older examples the newer ones surprise least."""
    n_watched = int(len(examples) * WATCHED_SHARE)
    if n_watched < FEWEST_WATCHED:
        return task.settings.epochs
    older, newer = examples.rows(slice(0, -n_watched)), examples.rows(slice(-n_watched, None))
    _, losses = task.fit(older, newer, task.settings.epochs, progress)
    return int(np.argmin(losses.validation)) + 1


def _rate(n_steps: int, rate: float) -> keras.optimizers.schedules.LearningRateSchedule:
    """Small in the first steps, then level."""
    warm_up = max(2, min(WARM_UP_STEPS, n_steps // 4))
    return keras.optimizers.schedules.PiecewiseConstantDecay([warm_up // 2, warm_up], [rate / 10, rate / 3, rate])


def median_prices(past: Purchases) -> Float32s:
    """Of each item, over all lines that have a price; 0 where none has: [V]."""
    priced = np.isfinite(past.price)
    item, price = past.item[priced], past.price[priced]
    by_price = np.lexsort((price, item))
    bounds = np.searchsorted(item[by_price], np.arange(past.vocabulary_size + 1))
    middle = (bounds[:-1] + bounds[1:] - 1) // 2
    known = bounds[1:] > bounds[:-1]
    prices = np.zeros(past.vocabulary_size, np.float32)
    prices[known] = price[by_price][middle[known]]
    return prices
