"""One backtest: every model is fit on the same pasts, asked the same questions, and measured alike."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from trainer.backtest.answers import answers
from trainer.backtest.described import asked, fit_in_words, split, versions
from trainer.backtest.figures import figures
from trainer.backtest.findings import EVERY_MODEL, Findings
from trainer.backtest.groups import Groups, curves, groups_of
from trainer.backtest.questions.question import Question, Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.results import Backtest, Curve, Data, Failure, Row, Training
from trainer.errors import NotEnoughData
from trainer.models.model import Model, Ranker, Trained
from trainer.models.registry import Effort
from trainer.progress import Progress, timed_step

Told = TypeVar("Told", Row, Curve, Failure)


class Request(NamedTuple):
    """What is to be compared."""

    data: Data
    setting: Setting
    questions: Sequence[Question]
    models: Mapping[str, Callable[[], Model]]
    """How each is built, by the name that it goes by."""
    effort: Effort = Effort.FULL


class Visit(NamedTuple):
    """A walk, and all that is asked on it."""

    walk: Walk
    questions: tuple[Question, ...]
    groups: tuple[Groups, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(question.name for question in self.questions)


class Fit(NamedTuple):
    """A ranker, and how long it took to make."""

    ranker: Ranker
    seconds: float


def run(request: Request, progress: Progress) -> Backtest:
    """Fit and ask everything; NotEnoughData where none of the questions can be asked of these data.

    A model that fails, whatever it raises, is told among the failures, and the others go on.
    """
    began = time.monotonic()
    findings = Findings()
    with timed_step(progress, "preparing the questions"):
        visits = list(_visits(request, findings))
    if not visits:
        raise NotEnoughData("; ".join(sorted({failure.reason for failure in findings.failures})))
    for shared in _by_fit(visits):
        for name in request.models:
            _ask(name, shared, request, findings, progress)
    return Backtest(
        data=request.data,
        split=split(request.setting.held_out),
        effort=request.effort.value,
        seed=request.setting.seed,
        seconds=time.monotonic() - began,
        questions=tuple(sorted(findings.asked, key=lambda told: _names(request).index(told.name))),
        rows=_in_order(findings.rows, request),
        curves=_in_order(findings.curves, request),
        trainings=tuple(findings.trainings),
        failures=_in_order(findings.failures, request),
        versions=versions(),
    )


def _visits(request: Request, findings: Findings) -> Iterator[Visit]:
    """One visit for each way through the data, however many questions are asked on it."""
    sharing = defaultdict(list)
    for question in request.questions:
        sharing[question.walk].append(question)
    for make, questions in sharing.items():
        with findings.failing(EVERY_MODEL, [question.name for question in questions]):
            walk = make(request.setting)
            findings.asked += [asked(question, walk) for question in questions]
            yield Visit(walk, tuple(questions), groups_of(walk))


def _by_fit(visits: Iterable[Visit]) -> list[list[Visit]]:
    """Visits that share a fit. One from which rankers come back changed is the last of its fit."""
    fits: dict[tuple[object, ...], list[Visit]] = {}
    for visit in sorted(visits, key=lambda visit: visit.walk.is_observed):
        learnt = visit.walk.past.name, visit.walk.grain
        if visit.walk.is_observed and any(other.walk.is_observed for other in fits.get(learnt, ())):
            fits[*learnt, len(fits)] = [visit]
        else:
            fits.setdefault(learnt, []).append(visit)
    return list(fits.values())


def _ask(name: str, visits: Sequence[Visit], request: Request, findings: Findings, progress: Progress) -> None:
    """One model, fit once, at all questions that its fit can answer."""
    with findings.failing(name, [question for visit in visits for question in visit.names]):
        fit = _fit(name, visits[0].walk, request, findings, progress)
        for visit in visits:
            with findings.failing(name, visit.names):
                _measure(name, fit, visit, request, findings, progress)


def _fit(name: str, walk: Walk, request: Request, findings: Findings, progress: Progress) -> Fit:
    model = request.models[name]()
    began = time.monotonic()
    with timed_step(progress, f"{name} learns from {fit_in_words(walk)}"):
        ranker = model.fit(walk.past.purchases, walk.grain, progress)
    if isinstance(ranker, Trained):
        findings.trainings.append(Training(name, fit_in_words(walk), *ranker.loss_curve))
    return Fit(ranker, time.monotonic() - began)


def _measure(name: str, fit: Fit, visit: Visit, request: Request, findings: Findings, progress: Progress) -> None:
    walk, seed = visit.walk, request.setting.seed
    began = time.monotonic()
    with timed_step(progress, f"{name} answers {' and '.join(visit.names)}", len(walk)):
        given = answers(fit.ranker, walk, progress.advanced)
    seconds = fit.seconds + time.monotonic() - began
    for question in visit.questions:
        found = figures(question.kind, walk, given, seed)
        findings.rows += [Row(question.name, name, *figure, seconds=seconds) for figure in found]
        drawn = curves(question.kind, walk, visit.groups, given, seed)
        findings.curves += [Curve(question.name, name, *curve) for curve in drawn]


def _in_order(told: Iterable[Told], request: Request) -> tuple[Told, ...]:
    """By question, then by model, as they were asked for."""
    questions, models = _names(request), [*request.models, EVERY_MODEL]
    return tuple(sorted(told, key=lambda one: (questions.index(one.question), models.index(one.model))))


def _names(request: Request) -> list[str]:
    return [question.name for question in request.questions]
