"""From a past to a ranker at line grain."""

import keras
import numpy as np

from serving.features import FIRST_ITEM, Int32s
from trainer.next_purchase.facts import N_FACTS, day_length, item_facts
from trainer.next_purchase.followers import followers_by_day
from trainer.next_purchase.line_network import NextLineModel, Shape
from trainer.next_purchase.line_ranker import LineRanker
from trainer.next_purchase.line_training import (
    Learner,
    LineTraining,
    OpenOrders,
    batches,
    built,
    learning_rate,
    mean_popularity,
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
    popularity = mean_popularity(examples.facts)
    model = NextLineModel(Shape(examples.vocabulary_size), popularity, places(past.item_ids), N_FACTS - 1)
    learner = Learner(built(model, examples))
    return LineRanker(examples, learner, train(learner, examples, settings, progress), settings)


def open_orders(past: Purchases) -> OpenOrders:
    """All that a past has to teach."""
    size = past.vocabulary_size
    followers = followers_by_day(past, size, day_length(past))
    return OpenOrders(windows(past, 0, len(past)), item_facts(past, size), followers, size)


def train(
    learner: Learner, examples: OpenOrders, settings: LineTraining, progress: Progress
) -> tuple[float, ...]:
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


def places(item_ids: tuple[str, ...]) -> Int32s:
    """Each item's place in the order of ids, those that are no items first: [V]."""
    by_id = np.argsort(np.array(item_ids), kind="stable")
    place = np.arange(FIRST_ITEM + len(item_ids), dtype=np.int32)
    place[FIRST_ITEM + by_id] = FIRST_ITEM + np.arange(len(item_ids))
    return place
