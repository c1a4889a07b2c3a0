"""One model is fit once, and answers everything that this fit can be asked."""

import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from trainer.backtest.answers import Answers, answers
from trainer.backtest.described import fit_in_words
from trainer.backtest.figures import figures
from trainer.backtest.findings import Findings
from trainer.backtest.groups import curves
from trainer.backtest.results import Curve, Row, Training
from trainer.backtest.task import Ground
from trainer.backtest.visits import Visit
from trainer.models.model import Frozen, Model, Ranker, Trained
from trainer.progress import Progress, timed_step


class Asking(NamedTuple):
    """Which model is fit for which visits."""

    name: str
    model: Callable[[], Model]
    """How it is built."""
    fit: int
    """Number of the fit, in the order of `by_fit`."""
    seed: int

    def questions(self, ground: Ground) -> Sequence[str]:
        return _names(ground.fits[self.fit])

    def described(self, ground: Ground) -> str:
        return f"{self.name} learns from {fit_in_words(ground.fits[self.fit][0].walk)}"

    def done(self, ground: Ground, progress: Progress) -> Findings:
        findings = Findings()
        with findings.failing(self.name, self.questions(ground)):
            fit = _fit(self, ground, findings, progress)
            for visits in _asked_at_once(fit.ranker, ground.fits[self.fit]):
                with findings.failing(self.name, _names(visits)):
                    _measure(self, fit, visits, findings, progress)
        return findings


class Fit(NamedTuple):
    """A ranker, and how long it took to make."""

    ranker: Ranker
    seconds: float


def _fit(task: Asking, ground: Ground, findings: Findings, progress: Progress) -> Fit:
    walk = ground.fits[task.fit][0].walk
    model = task.model()
    began = time.monotonic()
    with timed_step(progress, task.described(ground)):
        ranker = model.fit(walk.past.purchases, walk.grain, progress)
    if isinstance(ranker, Trained):
        findings.trainings.append(Training(task.name, fit_in_words(walk), *ranker.loss_curve))
    return Fit(ranker, time.monotonic() - began)


def _asked_at_once(ranker: Ranker, visits: Iterable[Visit]) -> list[list[Visit]]:
    """Visits at the same moments together, where the ranker is the same however much happens in between."""
    together: list[list[Visit]] = []
    for visit in visits:
        alike = [others for others in together if isinstance(ranker, Frozen) and others[0].walk.is_like(visit.walk)]
        if alike:
            alike[0].append(visit)
        else:
            together.append([visit])
    return together


def _measure(task: Asking, fit: Fit, visits: Sequence[Visit], findings: Findings, progress: Progress) -> None:
    walks = [visit.walk for visit in visits]
    began = time.monotonic()
    with timed_step(progress, f"{task.name} answers {' and '.join(_names(visits))}", len(walks[0])):
        given = answers(fit.ranker, walks, progress.advanced)
    seconds = fit.seconds + time.monotonic() - began
    for visit, answered in zip(visits, given, strict=True):
        _tell(task, visit, answered, seconds, findings)


def _tell(task: Asking, visit: Visit, given: Answers, seconds: float, findings: Findings) -> None:
    for question in visit.questions:
        found = figures(question.kind, visit.walk, given, task.seed)
        findings.rows += [Row(question.name, task.name, *figure, seconds=seconds) for figure in found]
        drawn = curves(question.kind, visit.walk, visit.groups, given, task.seed)
        findings.curves += [Curve(question.name, task.name, *curve) for curve in drawn]


def _names(visits: Iterable[Visit]) -> list[str]:
    return [question.name for visit in visits for question in visit.questions]
