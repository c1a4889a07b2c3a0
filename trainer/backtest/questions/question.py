"""What a question is made of.

    Question  what is told about it, and what counts
     └── Walk      which past is learnt from, and a series of steps through what came after
          └── Step      moments to ask at, what was then bought, and what happens before the next step

Questions that differ only in what counts share one walk, so that the models are asked once.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import cached_property
from typing import NamedTuple

import numpy as np

from serving.features import Int64s
from trainer.backtest.metrics import Truths
from trainer.backtest.questions.setting import Past, Setting
from trainer.models.model import Grain
from trainer.purchases import Moments


class Step(NamedTuple):
    """A batch of moments that are asked at without learning anything in between."""

    moments: Moments
    truths: Truths
    """What was bought after each of the moments."""
    meanwhile: tuple[int, int] | None = None
    """Lines of the moments' purchases (from, to) that rankers observe after they were asked."""


@dataclass(frozen=True)
class Walk:
    """A way through the held-out purchases."""

    past: Past
    grain: Grain
    steps: tuple[Step, ...]
    left_out: Mapping[str, int] = field(default_factory=dict)
    """What the protocol left out or could not ask for, in words, and how often."""
    bars_open_order: bool = False
    """Whether what already lies in the open order is kept from the lists of all models."""

    def __len__(self) -> int:
        return sum(len(step.moments) for step in self.steps)

    @property
    def is_observed(self) -> bool:
        """Whether rankers learn on the way, so that afterwards they are no longer as they were fit."""
        return any(step.meanwhile for step in self.steps)

    def is_like(self, other: "Walk") -> bool:
        """Whether the same is asked at the same moments, so that both differ at most in what is observed between."""
        if self.past is not other.past or len(self.steps) != len(other.steps):
            return False
        rules = (self.grain, self.bars_open_order) == (other.grain, other.bars_open_order)
        return rules and all(_same_moments(a.moments, b.moments) for a, b in zip(self.steps, other.steps, strict=True))

    @cached_property
    def user(self) -> Int64s:
        """The user of each answer: [n]."""
        return np.concatenate([step.moments.user for step in self.steps]).astype(np.int64)

    @cached_property
    def order(self) -> Int64s:
        """Where the order begins that each answer belongs to; answers of one order lie together: [n]."""
        return np.concatenate([step.moments.open_from for step in self.steps])

    @cached_property
    def truths(self) -> Truths:
        """What was bought after each moment of all steps."""
        item = np.concatenate([step.truths.item for step in self.steps])
        sizes = np.concatenate([step.truths.n_bought for step in self.steps])
        return Truths(item, np.append(0, np.cumsum(sizes)))


def _same_moments(moments: Moments, others: Moments) -> bool:
    pairs = ((moments.user, others.user), (moments.before, others.before), (moments.as_of, others.as_of))
    return all(np.array_equal(mine, theirs) for mine, theirs in pairs)


class Kind(Enum):
    """What counts about the answers."""

    LISTS = auto()
    """Lists against sets of items."""
    LINES = auto()
    """Lists against one item each."""
    RANKS = auto()
    """The rank of one item each."""


class Question(NamedTuple):
    """One thing that is asked of all models."""

    name: str
    title: str
    protocol: str
    kind: Kind
    headline: tuple[str, int | None]
    """Metric and length of the list that models are compared by."""
    walk: Callable[[Setting], Walk]
    """Makes the way through the data; NotEnoughData where there is nobody to ask."""
