"""One backtest: every model is fit on the same pasts, asked the same questions, and measured alike."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from trainer.backtest.asking import Asking
from trainer.backtest.described import split, versions
from trainer.backtest.findings import EVERY_MODEL, Findings
from trainer.backtest.parallel import done_by_several
from trainer.backtest.published import BOOK_CHAPTER, beside
from trainer.backtest.questions.question import Question
from trainer.backtest.questions.setting import Setting
from trainer.backtest.reproducing import reproductions
from trainer.backtest.results import Backtest, Curve, Data, Failure, Row, Training
from trainer.backtest.task import Ground, Task
from trainer.backtest.visits import Fits, by_fit, visits
from trainer.errors import NotEnoughData
from trainer.models.model import Model
from trainer.models.registry import Effort
from trainer.progress import Progress, timed_step

Told = TypeVar("Told", Row, Curve, Failure)


class Request(NamedTuple):
    """What is to be compared."""

    data: Data
    setting: Setting
    questions: Sequence[Question]
    models: Mapping[str, Callable[[], Model]]
    """How each is built, by the name that it goes by; to be pickled where several processes are used."""
    effort: Effort = Effort.FULL
    processes: int = 1
    """How many models are fit and asked at a time."""
    reproduces: bool = False
    """Whether the book chapter's figures are measured by its own protocol, which asks for its data."""


def run(request: Request, progress: Progress) -> Backtest:
    """Fit and ask everything; NotEnoughData where none of the questions can be asked of these data.

    A model that fails, whatever it raises, is told among the failures, and the others go on.
    """
    began = time.monotonic()
    findings = Findings()
    with timed_step(progress, "preparing the questions"):
        fits = by_fit(visits(request.questions, request.setting, findings))
    if not fits and not request.reproduces:
        raise NotEnoughData("; ".join(sorted({failure.reason for failure in findings.failures})))
    ground, tasks = Ground(request.setting, fits), tuple(_tasks(request, fits))
    for found in _done(tasks, ground, request.processes, progress):
        findings.add(found)
    return _told(request, findings, time.monotonic() - began)


def _tasks(request: Request, fits: Fits) -> Iterator[Task]:
    seed = request.setting.seed
    for name, model in request.models.items():
        yield from (Asking(name, model, fit, seed) for fit in range(len(fits)))
    if request.reproduces:
        yield from reproductions(tuple(request.models), seed)


def _done(tasks: Sequence[Task], ground: Ground, processes: int, progress: Progress) -> Iterator[Findings]:
    if processes > 1 and len(tasks) > 1:
        yield from done_by_several(processes, tasks, ground, progress)
    else:
        yield from (task.done(ground, progress) for task in tasks)


def _told(request: Request, findings: Findings, seconds: float) -> Backtest:
    questions = [question.name for question in request.questions]
    return Backtest(
        data=request.data,
        split=split(request.setting.held_out),
        effort=request.effort.value,
        seeds=(request.setting.seed,),
        seconds=seconds,
        questions=tuple(sorted(findings.asked, key=lambda told: questions.index(told.name))),
        rows=_in_order(findings.rows, request),
        curves=_in_order(findings.curves, request),
        trainings=_by_model(findings.trainings, request),
        failures=_in_order(findings.failures, request),
        published=beside(findings.rows, findings.reproduced),
        versions=versions(),
    )


def _in_order(told: Iterable[Told], request: Request) -> tuple[Told, ...]:
    """By question, then by model, as they were asked for."""
    questions = [*(question.name for question in request.questions), BOOK_CHAPTER]
    models = [*request.models, EVERY_MODEL]
    return tuple(sorted(told, key=lambda one: (questions.index(one.question), models.index(one.model))))


def _by_model(trainings: Iterable[Training], request: Request) -> tuple[Training, ...]:
    models = list(request.models)
    return tuple(sorted(trainings, key=lambda training: (models.index(training.model), training.fit)))
