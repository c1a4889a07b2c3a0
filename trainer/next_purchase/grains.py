"""One way to fit, export and judge the served model, whatever it answers: the next order or the next line."""

from typing import NamedTuple, Protocol

import numpy as np

from serving.features import Int64s
from trainer.models.model import Grain, Ranker
from trainer.next_purchase.architecture import Architecture
from trainer.next_purchase.examples import Examples
from trainer.next_purchase.line_fit import fit_lines
from trainer.next_purchase.line_ranker import LineRanker
from trainer.next_purchase.line_settings import InStream, LineTraining
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.runs import Run, run_of
from trainer.next_purchase.tensors import Tensor
from trainer.next_purchase.training import Learnt, learn, learn_again
from trainer.progress import Progress
from trainer.purchases import Moments, Purchases
from trainer.settings import TrainerSettings

STEPS_PER_EPOCH = 25
"""At line grain batches are large: an epoch with fewer of them does not count as a whole one."""


class Servable(Protocol):
    """A trained model, as it is exported and judged; inputs are those of serving.features."""

    architecture: Architecture

    def logits(self, inputs: dict[str, Tensor]) -> Tensor:
        """Of all items: [B, V]; their softmax are the probabilities."""

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """The answer of serving.candidates."""


class Fitted(NamedTuple):
    """What came of learning."""

    ranker: Ranker
    """Its weights stay as they are, as those of a version do."""
    model: Servable
    epochs: int
    """How often it has learnt from each example."""
    learnt: Learnt | None = None
    """At order grain: what there is to go on from."""


def suiting(past: Purchases) -> Grain:
    """What a shop is asked about: the next line where its orders are single lines, otherwise the next order."""
    return Grain.LINE if run_of(past) is Run.USER else Grain.ORDER


def fit(past: Purchases, grain: Grain, settings: TrainerSettings, progress: Progress) -> Fitted:
    """A model that has learnt from a past; the same past and settings give the same one."""
    if grain is Grain.LINE:
        return _of_lines(fit_lines(past, line_training(settings), progress))
    return _of_orders(learn(past, settings, progress))


def fit_again(past: Purchases, settings: TrainerSettings, progress: Progress, before: Fitted) -> Fitted:
    """A model that has learnt from a longer past as the one `before` did from its own."""
    if before.learnt is None:
        return _of_lines(fit_lines(past, line_training(settings, before.epochs), progress))
    return _of_orders(learn_again(past, settings, progress, before.learnt))


def _of_lines(ranker: LineRanker) -> Fitted:
    return Fitted(ranker, ranker.model, len(ranker.loss_curve.loss))


def _of_orders(learnt: Learnt) -> Fitted:
    return Fitted(NextPurchaseRanker(learnt), learnt.model, learnt.manner.epochs, learnt)


def line_training(settings: TrainerSettings, epochs: int | None = None) -> LineTraining:
    """What of a trainer's settings counts at line grain; `epochs`, where given, is neither raised nor lowered."""
    usual = LineTraining(seed=settings.seed, in_stream=InStream.STAYS)
    if epochs is not None:
        return usual._replace(epochs=epochs, min_steps=1)
    most = settings.most_epochs
    return usual._replace(epochs=min(usual.epochs, most), min_steps=min(usual.min_steps, most * STEPS_PER_EPOCH))


def asked(examples: Examples, grain: Grain) -> Moments:
    """When a model of this grain is asked about these orders: before each or, at line grain, in its middle."""
    moments = examples.moments
    if grain is Grain.ORDER:
        return moments
    half = sizes(moments) // 2
    return Moments(moments.purchases, moments.user, moments.before + half, moments.as_of, moments.open_from)


def sizes(moments: Moments) -> Int64s:
    """How many lines the order has that begins at each moment: [n]."""
    starts = np.append(moments.purchases.order_starts, len(moments.purchases))
    return starts[np.searchsorted(starts, moments.before, side="right")] - moments.before
