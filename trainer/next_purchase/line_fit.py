"""From a past to a ranker at line grain."""

import keras
import numpy as np

from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.followers import FollowerCounts, followers_by_day
from trainer.next_purchase.line_network import NextLineModel, places
from trainer.next_purchase.line_ranker import LineRanker, tables_after
from trainer.next_purchase.line_training import (
    Learner,
    LineTraining,
    OpenOrders,
    TrendsByDay,
    batches,
    learning_rate,
    n_epochs,
    positions_per_batch,
)
from trainer.next_purchase.open_orders import windows
from trainer.progress import Progress, timed_step
from trainer.purchases import Purchases


def fit_lines(past: Purchases, settings: LineTraining, progress: Progress) -> LineRanker:
    """Learn from a past. The same past and seed give the same ranker."""
    keras.utils.set_random_seed(settings.seed)
    with timed_step(progress, "open orders"):
        examples = open_orders(past)
        counts = FollowerCounts.of(past, past.vocabulary_size, Ledger(past, past.vocabulary_size).day)
    tables = tables_after(past, counts, past.vocabulary_size)
    learner = Learner(NextLineModel(architecture(past.vocabulary_size), tables, places(past.item_ids)))
    losses = train(learner, examples, settings, progress)
    return LineRanker(learner, examples, counts, LossCurve(losses), settings)


def open_orders(past: Purchases) -> OpenOrders:
    """All that a past has to teach."""
    size = past.vocabulary_size
    ledger = Ledger(past, size)
    facts = ledger.facts()
    trends = TrendsByDay(facts.made_at, facts.tables[..., :-1])
    return OpenOrders(windows(past, 0, len(past)), trends, followers_by_day(past, size, ledger.day), size)


def architecture(vocabulary_size: int) -> Architecture:
    """A line says less than an order, and there are many more of them to learn from."""
    return Architecture(vocabulary_size, n_orders=8, embedding=128, state=256, item_dropout=0.2, state_dropout=0.3)


def train(learner: Learner, examples: OpenOrders, settings: LineTraining, progress: Progress) -> tuple[float, ...]:
    """Teach all examples; the mean loss of each epoch."""
    random = np.random.default_rng(settings.seed)
    length, positions = examples.windows.length, positions_per_batch(settings, examples.vocabulary_size)
    epochs = n_epochs(len(batches(length, positions)), settings)
    rate = learning_rate(epochs * len(batches(length, positions)), settings)
    losses, step = [], 0
    for epoch in range(epochs):
        parts = batches(length, positions, random)
        loss = 0.0
        with timed_step(progress, f"epoch {epoch + 1} of {epochs}", len(parts)):
            for part in parts:
                loss += learner.learn(examples.rows(part), float(rate(step))) / len(parts)
                step += 1
                progress.advanced(1)
            progress.noted(f"loss {loss:.3f}")
        losses.append(loss)
    return tuple(losses)
