"""From a past to a ranker at line grain."""

import keras
import numpy as np

from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.companions import starting_vectors
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.followers import follower_counts
from trainer.next_purchase.line_examples import LineExamples, batches, line_examples
from trainer.next_purchase.line_learner import Learner
from trainer.next_purchase.line_network import NextLineModel, places
from trainer.next_purchase.line_ranker import LineRanker, tables_after
from trainer.next_purchase.line_settings import LineTraining, learning_rate, n_epochs, positions_per_batch
from trainer.next_purchase.runs import previous_items, run_of
from trainer.progress import Progress, timed_step
from trainer.purchases import Purchases


def fit_lines(past: Purchases, settings: LineTraining, progress: Progress) -> LineRanker:
    """Learn from a past. The same past and seed give the same ranker."""
    keras.utils.set_random_seed(settings.seed)
    run, size = run_of(past), past.vocabulary_size
    with timed_step(progress, "open orders"):
        examples = line_examples(past, run, settings.most_examples)
        counts = follower_counts(past, previous_items(past, run, size), size, Ledger(past, size).day)
    tables = tables_after(past, counts, size)
    items = starting_vectors(past, size, settings.embedding, settings.seed)
    model = NextLineModel(architecture(size, settings), tables, places(past.item_ids), run, items)
    learner = Learner(model)
    losses = train(learner, examples, settings, progress)
    return LineRanker(learner, examples, counts, LossCurve(losses), settings)


def architecture(vocabulary_size: int, settings: LineTraining) -> Architecture:
    """A line says less than an order, and there are many more of them to learn from."""
    return Architecture(
        vocabulary_size,
        n_orders=8,
        embedding=settings.embedding,
        state=settings.state,
        item_dropout=0.2,
        state_dropout=0.3,
    )


def train(learner: Learner, examples: LineExamples, settings: LineTraining, progress: Progress) -> tuple[float, ...]:
    """Teach all examples; the mean loss of each epoch."""
    random = np.random.default_rng(settings.seed)
    length, positions = examples.windows.length, positions_per_batch(settings, examples.vocabulary_size)
    n_batches = len(batches(length, positions))
    epochs = n_epochs(n_batches, settings)
    rate = learning_rate(epochs * n_batches, settings)
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
