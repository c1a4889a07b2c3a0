"""Hyperband over the settings of the model of the next order (Li et al. 2018, "Hyperband: A novel bandit-based
approach to hyperparameter optimization").

Many settings learn for a short time, and the better third of them goes on to three times as long. As in Decathlon's
article on a recommender like this one, a setting is judged on a tenth of the examples, drawn at random, by how much
they surprise the model (the training's own loss), and what is found is then learnt with from all of them.

Each trial learns from the beginning, also one that goes on: how fast to learn at a step depends on how many there are
to come. keras-tuner writes down every trial that has ended, so a search that was cut short goes on with the next.
"""

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import keras
import keras_tuner
import numpy as np

from trainer.errors import NotEnoughData
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.manner import FEWEST_WATCHED
from trainer.next_purchase.task import Manner, Task
from trainer.progress import Progress, Silent, timed_step
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings
from trainer.tuning.tuned import Found

VALIDATION_SHARE = 0.1
LOSS = "validation_loss"
Loss: TypeAlias = Callable[[Found, int], float]
"""Of settings, after so many epochs."""


def search(
    past: Purchases, settings: TrainerSettings, folder: Path, most_epochs: int, progress: Progress, *, anew: bool
) -> Found:
    """The settings that were best of all that were tried, for at most `most_epochs` each.

    `folder` keeps the trials. A search goes on from those that it finds there unless it is to begin `anew`; one that
    had ended gives its result again. NotEnoughData where there are too few orders to judge by.
    """
    examples = order_examples(past).newest(settings.most_orders)
    n_validated = int(len(examples) * VALIDATION_SHARE)
    if n_validated < FEWEST_WATCHED:
        raise NotEnoughData(
            f"the purchase log holds {len(examples):,} orders of returning customers; at least "
            f"{FEWEST_WATCHED / VALIDATION_SHARE:,.0f} are needed to compare settings"
        )
    drawn = np.random.default_rng(settings.seed).permutation(len(examples))
    validated, learnt = np.sort(drawn[:n_validated]), np.sort(drawn[n_validated:])
    task = replace(Task.of(past, examples, settings), known=_without(past, examples.rows(validated)))
    trials = Trials(task, examples.rows(learnt), examples.rows(validated), progress)
    return best(trials.loss, settings.seed, folder, most_epochs, anew=anew)


def _without(past: Purchases, asked: Examples) -> Purchases:
    """A past without the orders that are asked about."""
    return past.chosen(~np.isin(past.order, past.order[asked.moments.before]))


def space() -> keras_tuner.HyperParameters:
    """What is tried."""
    space = keras_tuner.HyperParameters()
    space.Float("learning_rate", 5e-4, 8e-3, sampling="log")
    space.Choice("batch_size", [32, 64, 128])
    space.Choice("embedding", [32, 64, 96])
    space.Choice("state", [64, 128, 192])
    space.Float("item_dropout", 0.0, 0.5, step=0.1)
    space.Float("state_dropout", 0.0, 0.6, step=0.1)
    return space


@dataclass(frozen=True)
class Trials:
    """What all trials share: from what they learn, and on what they are judged."""

    task: Task
    learnt: Examples
    validated: Examples
    progress: Progress

    def loss(self, tried: Found, epochs: int) -> float:
        """How much the validated examples surprise a model that has learnt with these settings."""
        keras.backend.clear_session()
        settings = tried.put_into(self.task.settings)
        widths = {name: getattr(tried, name) for name in ("embedding", "state", "item_dropout", "state_dropout")}
        task = replace(self.task, settings=settings, architecture=replace(self.task.architecture, **widths))
        with timed_step(self.progress, f"{tried}; {epochs} epochs"):
            model, _ = task.fit(self.learnt, Manner(epochs), Silent())
            loss = task.loss(model, self.validated)
            self.progress.noted(f"loss {loss:.4f}")
        return loss


def best(loss: Loss, seed: int, folder: Path, most_epochs: int, *, anew: bool) -> Found:
    """The settings with the smallest loss of all that were tried, those of an earlier search in the folder included."""
    oracle = keras_tuner.oracles.HyperbandOracle(
        keras_tuner.Objective(LOSS, "min"), max_epochs=most_epochs, seed=seed, hyperparameters=space()
    )
    # It prints that it goes on with what it finds.
    with contextlib.redirect_stdout(io.StringIO()):
        tuner = _Tuner(loss, oracle=oracle, directory=str(folder.parent), project_name=folder.name, overwrite=anew)
    tuner.search(verbose=0)
    return _found(tuner.get_best_hyperparameters()[0])


class _Tuner(keras_tuner.Tuner):  # type: ignore[misc] # keras-tuner has no types
    """Has the oracle's choices tried."""

    def __init__(self, loss: Loss, **more: Any) -> None:
        super().__init__(**more)
        self._loss = loss

    def run_trial(self, trial: Any, **_: Any) -> dict[str, float]:
        tried = trial.hyperparameters
        return {LOSS: self._loss(_found(tried), tried.get("tuner/epochs"))}


def _found(tried: keras_tuner.HyperParameters) -> Found:
    return Found(**{name: tried.get(name) for name in Found.__struct_fields__})
