"""Train the model on a past: find out how, learn, and learn to rank the best once more.

From a longer past is learnt in the same way, and what took long to find out is gone on from.
"""

from typing import NamedTuple

from trainer.models.model import LossCurve
from trainer.next_purchase.architecture import ALL_PARTS, Parts
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.facts import ItemFacts
from trainer.next_purchase.manner import best_manner
from trainer.next_purchase.network import FirstStage, NextPurchaseModel
from trainer.next_purchase.rerank_fit import Reranking, second_stage, second_stage_again
from trainer.next_purchase.task import Manner, Task
from trainer.progress import Progress, timed_step
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.training import n_batches

FIRST_STAGE, SECOND_STAGE = "first stage", "second stage"
"""Steps of a training, after `manner.HOW`."""


class Learnt(NamedTuple):
    """A model, what it looked at while it learnt, and what there is to go on from."""

    model: NextPurchaseModel
    facts: ItemFacts
    manner: Manner
    loss_curve: LossCurve
    past: Purchases
    """What it has learnt from."""
    reranking: Reranking | None = None
    """Its second stage, where there is one, and what that has learnt from."""


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
    first, losses = _first_stage(task, examples, manner, progress)
    reranking = None
    if settings.rerank and parts.rerank and parts.repeat:
        with timed_step(progress, SECOND_STAGE):
            reranking = _second_stage(task, examples, manner, progress)
    return _learnt(task, manner, losses, first, reranking)


def learn_again(past: Purchases, settings: TrainerSettings, progress: Progress, before: Learnt) -> Learnt:
    """A model that has learnt from a longer past as the one `before` did from its own.

    Its second stage learns from the same lists, and from those that the first stage before makes for the orders that
    have come since: they are as new to it as the others were to whoever made lists for them.
    """
    everything = order_examples(past)
    examples = everything.newest(settings.most_orders)
    task = Task.of(past, examples, settings, before.model.architecture.parts)
    first, losses = _first_stage(task, examples, before.manner, progress)
    reranking = None
    if before.reranking is not None:
        newer = everything.rows(everything.moments.before >= len(before.past))
        with timed_step(progress, SECOND_STAGE):
            reranking = second_stage_again(
                past, newer, before.model.first, before.reranking, before.manner.aim, settings.seed
            )
    return _learnt(task, before.manner, losses, first, reranking)


def _first_stage(task: Task, examples: Examples, manner: Manner, progress: Progress) -> tuple[FirstStage, LossCurve]:
    n_steps = manner.epochs * n_batches(len(examples), task.settings.batch_size)
    with timed_step(progress, FIRST_STAGE, n_steps):
        return task.fit(examples, manner, progress)


def _second_stage(task: Task, examples: Examples, manner: Manner, progress: Progress) -> Reranking | None:
    settings, parts = task.settings, task.architecture.parts

    def first_stage(known: Purchases) -> FirstStage:
        """In the same way, from a part of the past."""
        older = order_examples(known).newest(settings.most_orders)
        return Task.of(known, older, settings, parts).fit(older, manner, progress)[0]

    return second_stage(task.known, examples, first_stage, settings.embedding, manner.aim, settings.seed)


def _learnt(task: Task, manner: Manner, losses: LossCurve, first: FirstStage, reranking: Reranking | None) -> Learnt:
    model = NextPurchaseModel(first, reranking and reranking.stage)
    return Learnt(model, task.facts, manner, losses, task.known, reranking)
