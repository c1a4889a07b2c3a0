"""Train the model on a past; how long is found out on the newest part of it."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Self

import keras
import numpy as np

from serving.features import Float32s
from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import ALL_PARTS, Architecture, Parts, fitting
from trainer.next_purchase.batches import Batches
from trainer.next_purchase.companions import starting_vectors
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.facts import ItemFacts, Ledger
from trainer.next_purchase.loss import OrderLoss
from trainer.next_purchase.network import FirstStage, NextPurchaseModel, Tables
from trainer.next_purchase.rerank import SecondStage
from trainer.next_purchase.rerank_fit import second_stage
from trainer.progress import Progress, timed_step
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.training import Told, n_batches

HOW_OFTEN, FIRST_STAGE, SECOND_STAGE = "how often to learn", "first stage", "second stage"
"""Steps of a training."""
WARM_UP_STEPS = 100
AVERAGED = 0.15
"""What is kept is a running mean of the weights, as if over the last steps, so large a share of all: what chance did in
them evens out (Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging")."""
WATCHED_SHARE = 0.1
"""Of the examples, the newest: on them is seen when learning on would be learning by heart."""
FEWEST_WATCHED = 20


class Learnt(NamedTuple):
    """A model, and what it looked at while it learnt."""

    model: NextPurchaseModel
    facts: ItemFacts
    epochs: int
    loss_curve: LossCurve


def learn(
    past: Purchases,
    settings: TrainerSettings,
    progress: Progress,
    epochs: int | None = None,
    parts: Parts = ALL_PARTS,
) -> Learnt:
    """A model that has learnt from all orders of a past; the same past and settings give the same model.

    `epochs` is how often it learns from each; unless given, as often as helps on the newest examples.
    """
    examples = order_examples(past).newest(settings.most_orders)
    task = Task.of(past, examples, settings, parts)
    if epochs is None:
        epochs = best_epochs(task, examples, progress)
    with timed_step(progress, FIRST_STAGE, epochs * n_batches(len(examples), settings.batch_size)):
        first, losses = task.fit(examples, epochs, progress)
    second = None
    if settings.rerank and parts.rerank and parts.repeat:
        with timed_step(progress, SECOND_STAGE):
            second = _second_stage(past, examples, settings, parts, epochs, progress)
    return Learnt(NextPurchaseModel(first, second), task.facts, epochs, losses)


def _second_stage(
    past: Purchases, examples: Examples, settings: TrainerSettings, parts: Parts, epochs: int, progress: Progress
) -> SecondStage | None:

    def first_stage(known: Purchases) -> FirstStage:
        """In the same way, from a part of the past."""
        older = order_examples(known).newest(settings.most_orders)
        return Task.of(known, older, settings, parts).fit(older, epochs, progress)[0]

    return second_stage(past, examples, first_stage, settings.embedding, settings.seed)


@dataclass(frozen=True)
class Task:
    """Everything that stays the same, however often and from what is learnt."""

    architecture: Architecture
    tables: Tables
    facts: ItemFacts
    settings: TrainerSettings
    known: Purchases
    """What item vectors start from."""

    @classmethod
    def of(cls, past: Purchases, examples: Examples, settings: TrainerSettings, parts: Parts = ALL_PARTS) -> Self:
        """To learn from all or some of a past's examples."""
        facts = Ledger(past, past.vocabulary_size).facts()
        architecture = fitting(examples, past.vocabulary_size, settings, parts)
        return cls(architecture, Tables(facts.tables[-1], median_prices(past)), facts, settings, past)

    @cached_property
    def start(self) -> Float32s:
        """Where item vectors start: [V, E]."""
        size, width = self.architecture.vocabulary_size, self.architecture.embedding
        return starting_vectors(self.known, size, width, self.settings.seed)

    def fit(self, examples: Examples, epochs: int, progress: Progress) -> tuple[FirstStage, LossCurve]:
        """A new first stage that learns so many times from the examples."""
        keras.utils.set_random_seed(self.settings.seed)
        model = FirstStage(self.architecture, self.tables, self.start)
        batches = self._batches(examples)
        optimizer = _optimizer(len(batches) * epochs, self.settings.learning_rate)
        # XLA would compile for longer than it saves.
        model.compile(optimizer, OrderLoss(), jit_compile=False)
        told = model.fit(batches.dataset(), epochs=epochs, shuffle=False, verbose=0, callbacks=[Told(progress)])
        return model, LossCurve(tuple(told.history["loss"]))

    def loss(self, model: FirstStage, examples: Examples) -> float:
        """How much the examples surprise a model."""
        return float(model.evaluate(self._batches(examples).dataset(), verbose=0))

    def _batches(self, examples: Examples) -> Batches:
        return Batches(examples, self.facts, self.settings.batch_size, self.settings.seed)


def best_epochs(task: Task, examples: Examples, progress: Progress) -> int:
    """How often to learn from each example: twice as often as long as the newest ones then surprise less."""
    n_watched = int(len(examples) * WATCHED_SHARE)
    if n_watched < FEWEST_WATCHED or 2 * task.settings.epochs > task.settings.most_epochs:
        return task.settings.epochs
    with timed_step(progress, HOW_OFTEN):
        return _least_surprised(task, examples, n_watched, progress)


def _least_surprised(task: Task, examples: Examples, n_watched: int, progress: Progress) -> int:
    """By the last `n_watched` of the examples, which the models that are compared do not learn from."""
    epochs = task.settings.epochs
    older, newer = examples.rows(slice(0, -n_watched)), examples.rows(slice(-n_watched, None))
    task = replace(task, known=task.known.before(int(newer.moments.before[0])))
    surprise = task.loss(task.fit(older, epochs, progress)[0], newer)
    while 2 * epochs <= task.settings.most_epochs:
        again = task.loss(task.fit(older, 2 * epochs, progress)[0], newer)
        if again >= surprise:
            break
        epochs, surprise = 2 * epochs, again
    return epochs


def _optimizer(n_steps: int, highest_rate: float) -> keras.optimizers.Optimizer:
    momentum = 1.0 - 1.0 / max(1.0, AVERAGED * n_steps)
    rate = _learning_rate(n_steps, highest_rate)
    return keras.optimizers.Adam(rate, clipnorm=1.0, use_ema=True, ema_momentum=momentum)


def _learning_rate(n_steps: int, highest: float) -> keras.optimizers.schedules.CosineDecay:
    """Up to the highest rate in the first steps, then down to a fiftieth of it along a cosine."""
    warm_up = min(WARM_UP_STEPS, n_steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        highest / 10, max(1, n_steps - warm_up), alpha=0.02, warmup_target=highest, warmup_steps=warm_up
    )


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
