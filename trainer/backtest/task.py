"""What a backtest has to do, in parts that know nothing of each other: they can be done in any order, and anywhere."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from trainer.backtest.findings import Findings
from trainer.backtest.questions.setting import Setting
from trainer.backtest.visits import Fits
from trainer.progress import Progress


class Ground(NamedTuple):
    """What all tasks look at, and none of them changes."""

    setting: Setting
    fits: Fits


class Task(Protocol):
    """One part; small, because it travels to the process that does it."""

    @property
    def name(self) -> str:
        """Of the model that it is about."""

    def questions(self, ground: Ground) -> Sequence[str]:
        """Names of what has no answer where the whole task fails."""

    def described(self, ground: Ground) -> str:
        """What happens, in words."""

    def done(self, ground: Ground, progress: Progress) -> Findings:
        """What was found; a failure, whatever was raised, is told among it."""
