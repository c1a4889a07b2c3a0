"""What is learnt, and the first stage that learns it."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self

import keras
import numpy as np

from serving.features import Float32s
from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import ALL_PARTS, Architecture, Parts, fitting
from trainer.next_purchase.batches import Batches
from trainer.next_purchase.companions import starting_vectors
from trainer.next_purchase.examples import Examples
from trainer.next_purchase.facts import ItemFacts, Ledger
from trainer.next_purchase.loss import Aim, OrderLoss
from trainer.next_purchase.network import FirstStage, Tables
from trainer.progress import Progress
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.training import Told

WARM_UP_STEPS = 100
AVERAGED = 0.15
"""What is kept is a running mean of the weights, as if over the last steps, so large a share of all: what chance did in
them evens out (Polyak and Juditsky 1992, "Acceleration of stochastic approximation by averaging")."""


class Manner(NamedTuple):
    """How it is learnt, as far as that is found out on the shop itself (`manner`)."""

    epochs: int
    """How often from each example."""
    aim: Aim = Aim.ANY


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

    def fit(self, examples: Examples, manner: Manner, progress: Progress) -> tuple[FirstStage, LossCurve]:
        """A new first stage that learns from the examples."""
        keras.utils.set_random_seed(self.settings.seed)
        model = FirstStage(self.architecture, self.tables, self.start)
        batches = self.batches(examples)
        optimizer = _optimizer(len(batches) * manner.epochs, self.settings.learning_rate)
        # XLA would compile for longer than it saves.
        model.compile(optimizer, OrderLoss(manner.aim), jit_compile=False)
        told = model.fit(batches.dataset(), epochs=manner.epochs, shuffle=False, verbose=0, callbacks=[Told(progress)])
        return model, LossCurve(tuple(told.history["loss"]))

    def loss(self, model: FirstStage, examples: Examples) -> float:
        """How much the examples surprise a model."""
        return float(model.evaluate(self.batches(examples).dataset(), verbose=0))

    def batches(self, examples: Examples) -> Batches:
        """The same ones each time that they are made."""
        return Batches(examples, self.facts, self.settings.batch_size, self.settings.seed)


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
