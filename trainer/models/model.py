"""What all models have in common: they are fit on a past, and score every item at a moment.

    past      ->  Model.fit        ->  Ranker            once
    moments   ->  Ranker.scores    ->  [moments, items]  as often as somebody asks
    new lines ->  Ranker.observe   ->  (updated)         as the stream goes on, after it was asked about them

A ranker may look at a moment's own user up to that moment, through `Moments`. Of everybody else it knows
what it was fit on and what it has observed since. It must not look further: the future is what it is asked.
"""

from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable

from trainer.progress import Progress
from trainer.purchases import Float32s, Moments, Purchases


class Grain(StrEnum):
    """What "next" means."""

    ORDER = "order"
    """The next order, whatever is in it."""
    LINE = "line"
    """The next line, given those that already lie in the open order."""


class Ranker(Protocol):
    """A model that was fit."""

    def scores(self, moments: Moments) -> Float32s:
        """How much speaks for every item, higher is better: [len(moments), V], V being the fit past's
        vocabulary size. Columns below FIRST_ITEM mean nothing. Where two scores are equal, the more popular
        item counts as the better one."""

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        """The lines start..end of `purchases` have happened since the fit, or since the last such call."""


class Model(Protocol):
    """A way to learn."""

    name: str
    """As in tables and on the command line: lower case, words joined by hyphens."""

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> Ranker:
        """Learn from a past. The same past and seed give the same ranker."""


class Frozen:
    """Mixed in where a ranker learns nothing from what happens after the fit."""

    def observe(self, purchases: Purchases, start: int, end: int) -> None: ...


@runtime_checkable
class Probabilistic(Protocol):
    """What a ranker offers beside where its scores can be read as probabilities."""

    def probabilities(self, scores: Float32s) -> Float32s:
        """How likely, as the model believes, each item is the next one (line grain), or is in the next order
        (order grain): [n, V], made of the `scores` that it gave."""


class LossCurve(NamedTuple):
    """How the loss fell, epoch by epoch."""

    loss: tuple[float, ...]
    validation: tuple[float, ...] = ()
    """On the newest part of the past, where it was held out."""


@runtime_checkable
class Trained(Protocol):
    """What a ranker offers beside where it was trained in epochs."""

    loss_curve: LossCurve
