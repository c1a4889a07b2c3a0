"""One figure of the book chapter is measured anew, by the chapter's own protocol."""

import pkgutil
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trainer.backtest.chapter import Chapter
from trainer.backtest.findings import Findings
from trainer.backtest.published import BOOK_CHAPTER, FIGURES, OwnProtocol
from trainer.backtest.task import Ground
from trainer.progress import Progress, timed_step


class Reproducing(NamedTuple):
    """Which figure."""

    name: str
    """Of the model."""
    metric: str
    """As the source calls it."""
    place: str
    """What measures it (`OwnProtocol.place`)."""
    seed: int

    def questions(self, ground: Ground) -> Sequence[str]:
        return [BOOK_CHAPTER]

    def described(self, ground: Ground) -> str:
        return f"{self.metric} of {self.name} by the book chapter's own protocol"

    def done(self, ground: Ground, progress: Progress) -> Findings:
        findings = Findings()
        customers, everybody = ground.setting.held_out.purchases, ground.setting.everybody.purchases
        with findings.failing(self.name, self.questions(ground)), timed_step(progress, self.described(ground)):
            measure = pkgutil.resolve_name(f"trainer.backtest.{self.place}")
            value = measure(Chapter.of(everybody, customers.user_ids), self.seed, progress)
            findings.reproduced[self.name, self.metric] = value
        return findings


def reproductions(models: Sequence[str], seed: int) -> Iterator[Reproducing]:
    """Of these models, all that can be measured by their source's own protocol."""
    for figure in FIGURES:
        if isinstance(figure.ours, OwnProtocol) and figure.model in models:
            yield Reproducing(figure.model, figure.metric, figure.ours.place, seed)
