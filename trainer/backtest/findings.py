"""What a running backtest has found so far, and why models failed."""

import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from trainer.backtest.results import Asked, Curve, Failure, Row, Training
from trainer.errors import TrainerError

EVERY_MODEL = "every model"
"""Who failed where it is the question that cannot be asked of the data."""


@dataclass
class Findings:
    """Grows while the backtest runs."""

    asked: list[Asked] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    trainings: list[Training] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    reproduced: dict[tuple[str, str], float] = field(default_factory=dict)
    """Figures by a source's own protocol, by model and the source's name of the metric."""

    def add(self, others: Self) -> None:
        """All that was found beside."""
        self.asked += others.asked
        self.rows += others.rows
        self.curves += others.curves
        self.trainings += others.trainings
        self.failures += others.failures
        self.reproduced |= others.reproduced

    @contextmanager
    def failing(self, model: str, questions: Iterable[str]) -> Iterator[None]:
        """What fails within ends there, and is told as a failure at these questions."""
        try:
            yield
        except Exception as error:  # noqa: BLE001 - models bring large libraries; one that fails must not end the run
            self.failures += [Failure(question, model, _reason(error)) for question in questions]


def _reason(error: Exception) -> str:
    """Our own errors say it all; of others the class and the place in the code are worth knowing."""
    if isinstance(error, TrainerError):
        return str(error)
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({Path(frame.filename).name}, line {frame.lineno})"
