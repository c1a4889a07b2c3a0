"""Train the model on a past: find out how, learn, and learn to rank the best once more."""

from typing import NamedTuple

from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import ALL_PARTS, Parts
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.facts import ItemFacts
from trainer.next_purchase.manner import best_manner
from trainer.next_purchase.network import FirstStage, NextPurchaseModel
from trainer.next_purchase.rerank import SecondStage
from trainer.next_purchase.rerank_fit import second_stage
from trainer.next_purchase.task import Manner, Task
from trainer.progress import Progress, timed_step
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.training import n_batches

FIRST_STAGE, SECOND_STAGE = "first stage", "second stage"
"""Steps of a training, after `manner.HOW`."""


class Learnt(NamedTuple):
    """A model, and what it looked at while it learnt."""

    model: NextPurchaseModel
    facts: ItemFacts
    manner: Manner
    loss_curve: LossCurve


def learn(
    past: Purchases,
    settings: TrainerSettings,
    progress: Progress,
    manner: Manner | None = None,
    parts: Parts = ALL_PARTS,
) -> Learnt:
    """A model that has learnt from the orders of a past; the same past and settings give the same model.

    `manner` is found out on the newest of them unless given.
    """
    examples = order_examples(past).newest(settings.most_orders)
    task = Task.of(past, examples, settings, parts)
    if manner is None:
        manner = best_manner(task, examples, progress)
    with timed_step(progress, FIRST_STAGE, manner.epochs * n_batches(len(examples), settings.batch_size)):
        first, losses = task.fit(examples, manner, progress)
    second = None
    if settings.rerank and parts.rerank and parts.repeat:
        with timed_step(progress, SECOND_STAGE):
            second = _second_stage(task, examples, manner, progress)
    return Learnt(NextPurchaseModel(first, second), task.facts, manner, losses)


def _second_stage(task: Task, examples: Examples, manner: Manner, progress: Progress) -> SecondStage | None:
    settings, parts = task.settings, task.architecture.parts

    def first_stage(known: Purchases) -> FirstStage:
        """In the same way, from a part of the past."""
        older = order_examples(known).newest(settings.most_orders)
        return Task.of(known, older, settings, parts).fit(older, manner, progress)[0]

    return second_stage(task.known, examples, first_stage, settings.embedding, manner.aim, settings.seed)
