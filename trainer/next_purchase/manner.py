"""How to learn is found out on the newest examples: with which aim, and how often."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from serving.features import FIRST_ITEM, PADDING, ModelInputs
from trainer.backtest.metrics import Values, precision
from trainer.holdout import best, hits
from trainer.next_purchase.batches import Batches
from trainer.next_purchase.examples import Examples
from trainer.next_purchase.loss import Aim
from trainer.next_purchase.task import Manner, Task
from trainer.next_purchase.tensors import Tensor
from trainer.progress import Progress, timed_step

HOW = "how to learn"
"""A step of a training."""
WATCHED_SHARE = 0.3
"""Of the examples, the newest: on them is seen what is learnt best, and when learning on would be learning by heart.
A tenth of a few thousand orders cannot tell two aims apart."""
FEWEST_WATCHED = 20
CLEAR = 4.0
"""So many standard errors are no chance, even though customers with several of the orders make them look too small."""


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

    The aim is to find many items where lists then clearly hold more of them, and each example is learnt from twice as
    often as long as the watched ones then surprise less.
    """
    older, newer = examples.rows(slice(0, -n_watched)), examples.rows(slice(-n_watched, None))
    task = replace(task, known=task.known.before(int(newer.moments.before[0])))
    manner, model = usual, task.fit(older, usual, progress)[0]
    many = usual._replace(aim=Aim.MANY)
    finds_many = task.fit(older, many, progress)[0]
    if clearly_better(*(precisions(each, task.batches(newer)) for each in (finds_many, model))):
        manner, model = many, finds_many
    surprise = task.loss(model, newer)
    while 2 * manner.epochs <= task.settings.most_epochs:
        longer = manner._replace(epochs=2 * manner.epochs)
        again = task.loss(task.fit(older, longer, progress)[0], newer)
        if again >= surprise:
            break
        manner, surprise = longer, again
    return manner


def clearly_better(values: Values, others: Values) -> bool:
    """Whether the first ones are higher by more than chance would have it; both are of the same orders: [n] each."""
    leads = values - others
    return bool(leads.mean() > CLEAR * leads.std() / np.sqrt(len(leads)))


def precisions(model: Callable[[ModelInputs], Tensor], batches: Batches) -> Values:
    """Precision@5 of the list for each order: [n]; the model gives logits [B, V]."""
    of_batches = []
    for inputs, targets, _ in batches:
        logits = np.asarray(model(inputs))
        listed = best(logits, min(5, logits.shape[1] - FIRST_ITEM))
        of_batches.append(precision(hits(listed, targets), (targets != PADDING).sum(axis=1), 5))
    return np.concatenate(of_batches)
