"""How to learn is found out on the newest examples: with which aim, and how often."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from serving.features import FIRST_ITEM, PADDING, ModelInputs
from trainer.backtest.metrics import hit_rate, ndcg, precision
from trainer.next_purchase.batches import Batches
from trainer.next_purchase.examples import Examples
from trainer.next_purchase.loss import Aim
from trainer.next_purchase.task import Manner, Task
from trainer.next_purchase.tensors import Tensor
from trainer.progress import Progress, timed_step

HOW = "how to learn"
"""A step of a training."""
WATCHED_SHARE = 0.1
"""Of the examples, the newest: on them is seen what is learnt best, and when learning on would be learning by heart."""
FEWEST_WATCHED = 20


def best_manner(task: Task, examples: Examples, progress: Progress) -> Manner:
    """The settings' own where they leave no choice, or where there is too little to choose by."""
    usual = Manner(task.settings.epochs)
    n_watched = int(len(examples) * WATCHED_SHARE)
    if n_watched < FEWEST_WATCHED or 2 * usual.epochs > task.settings.most_epochs:
        return usual
    with timed_step(progress, HOW):
        manner = _best(task, examples, usual, n_watched, progress)
        progress.noted(f"{manner.epochs} times from each order, to find {manner.aim.value}")
    return manner


def _best(task: Task, examples: Examples, usual: Manner, n_watched: int, progress: Progress) -> Manner:
    """By the last `n_watched` of the examples, which the models that are compared do not learn from.

    The aim is the one that makes better lists, and each example is learnt from twice as often as long as the watched
    ones then surprise less.
    """
    older, newer = examples.rows(slice(0, -n_watched)), examples.rows(slice(-n_watched, None))
    task = replace(task, known=task.known.before(int(newer.moments.before[0])))
    manner, model = usual, task.fit(older, usual, progress)[0]
    another = usual._replace(aim=Aim.MANY)
    other = task.fit(older, another, progress)[0]
    if list_quality(other, task.batches(newer)) > list_quality(model, task.batches(newer)):
        manner, model = another, other
    surprise = task.loss(model, newer)
    while 2 * manner.epochs <= task.settings.most_epochs:
        longer = manner._replace(epochs=2 * manner.epochs)
        again = task.loss(task.fit(older, longer, progress)[0], newer)
        if again >= surprise:
            break
        manner, surprise = longer, again
    return manner


def list_quality(model: Callable[[ModelInputs], Tensor], batches: Batches) -> float:
    """Of the lists of a model, which gives logits [B, V]: the mean of HitRate@5, Precision@5 and NDCG@10."""
    quality = []
    for inputs, targets, _ in batches:
        logits = np.asarray(model(inputs))[:, FIRST_ITEM:]
        listed = np.argsort(-logits, axis=1, kind="stable")[:, :10] + FIRST_ITEM
        hits = (listed[:, :, None] == targets[:, None, :]).any(axis=2)
        n_bought = (targets != PADDING).sum(axis=1)
        of_lists = (hit_rate(hits, n_bought, 5), precision(hits, n_bought, 5), ndcg(hits, n_bought, 10))
        quality.append(np.mean(of_lists, axis=0))
    return float(np.concatenate(quality).mean())
