"""One model is fit once, and answers everything that this fit can be asked."""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from trainer.backtest.answers import answers
from trainer.backtest.described import fit_in_words
from trainer.backtest.figures import figures
from trainer.backtest.findings import Findings
from trainer.backtest.groups import curves
from trainer.backtest.results import Curve, Row, Training
from trainer.backtest.visits import Visit
from trainer.models.model import Model, Ranker, Trained
from trainer.progress import Progress, timed_step


class Task(NamedTuple):
    """Which model is fit for which visits."""

    name: str
    model: Callable[[], Model]
    """How it is built."""
    fit: int
    """Number of the fit, in the order of `by_fit`."""
    seed: int

    def described(self, visits: Sequence[Visit]) -> str:
        return f"{self.name} learns from {fit_in_words(visits[0].walk)}"


class Fit(NamedTuple):
    """A ranker, and how long it took to make."""

    ranker: Ranker
    seconds: float


def ask(task: Task, visits: Sequence[Visit], progress: Progress) -> Findings:
    """What was found; a failure, whatever was raised, is told among it."""
    findings = Findings()
    with findings.failing(task.name, [question for visit in visits for question in visit.names]):
        fit = _fit(task, visits, findings, progress)
        for visit in visits:
            with findings.failing(task.name, visit.names):
                _measure(task, fit, visit, findings, progress)
    return findings


def _fit(task: Task, visits: Sequence[Visit], findings: Findings, progress: Progress) -> Fit:
    walk = visits[0].walk
    model = task.model()
    began = time.monotonic()
    with timed_step(progress, task.described(visits)):
        ranker = model.fit(walk.past.purchases, walk.grain, progress)
    if isinstance(ranker, Trained):
        findings.trainings.append(Training(task.name, fit_in_words(walk), *ranker.loss_curve))
    return Fit(ranker, time.monotonic() - began)


def _measure(task: Task, fit: Fit, visit: Visit, findings: Findings, progress: Progress) -> None:
    walk = visit.walk
    began = time.monotonic()
    with timed_step(progress, f"{task.name} answers {' and '.join(visit.names)}", len(walk)):
        given = answers(fit.ranker, walk, progress.advanced)
    seconds = fit.seconds + time.monotonic() - began
    for question in visit.questions:
        found = figures(question.kind, walk, given, task.seed)
        findings.rows += [Row(question.name, task.name, *figure, seconds=seconds) for figure in found]
        drawn = curves(question.kind, walk, visit.groups, given, task.seed)
        findings.curves += [Curve(question.name, task.name, *curve) for curve in drawn]
