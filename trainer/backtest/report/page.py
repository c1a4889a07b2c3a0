"""The report as one HTML page that opens offline: style, script and figures stand in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby

from jinja2 import Environment, PackageLoader, StrictUndefined

from trainer.backtest.report import palette, pictures, wording
from trainer.backtest.report.pictures import Picture
from trainer.backtest.report.tables import Mark, Table, headline, overview, ranked, tables
from trainer.backtest.results import Asked, Backtest, By, Curve, Failure, Point, Row


@dataclass(frozen=True)
class Slice:
    """A metric along one quantity: drawn, and in figures."""

    picture: Picture
    models: tuple[str, ...]
    groups: tuple[tuple[str, tuple[Point | None, ...]], ...]
    """Label of each group, with one point for each model that has any answers in it."""


@dataclass(frozen=True)
class Chapter:
    """One question."""

    key: str
    asked: Asked
    leader: Row | None
    """The best by the headline; None where no model answered."""
    pictures: tuple[Picture, ...]
    slices: tuple[Slice, ...]
    tables: tuple[Table, ...]
    failures: tuple[Failure, ...]


def render(backtest: Backtest) -> str:
    """The whole page. It is well-formed XML as well, so that any tool can read it."""
    names = {asked.name for asked in backtest.questions}
    return (
        _environment()
        .get_template("page.html")
        .render(
            backtest=backtest,
            overview=overview(backtest),
            unasked=[failure for failure in backtest.failures if failure.question not in names],
            chapters=_Contents(backtest).chapters,
            losses=_losses(backtest),
            light=palette.light_variables(),
            dark=palette.dark_variables(),
        )
    )


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("trainer.backtest.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["Mark"] = Mark
    environment.filters |= {"figure": wording.figure, "duration": wording.duration, "signed": wording.signed}
    return environment


class _Contents:
    """The chapters of the questions; a model looks alike in all of them where that can be."""

    def __init__(self, backtest: Backtest) -> None:
        self._backtest = backtest
        self._simplest = backtest.rows[0].model if backtest.rows else ""

    @property
    def chapters(self) -> list[Chapter]:
        return [self._chapter(f"question-{n}", asked) for n, asked in enumerate(self._backtest.questions, 1)]

    def _chapter(self, key: str, asked: Asked) -> Chapter:
        best_first = self._ranked(asked)
        return Chapter(
            key,
            asked,
            best_first[0] if best_first else None,
            tuple(self._pictures(key, asked, best_first)) if best_first else (),
            tuple(self._slices(key, asked)),
            tables(self._backtest, asked),
            tuple(failure for failure in self._backtest.failures if failure.question == asked.name),
        )

    def _ranked(self, asked: Asked) -> list[Row]:
        return ranked((row for row in self._backtest.rows if row.question == asked.name), headline(asked))

    def _pictures(self, key: str, asked: Asked, best_first: Sequence[Row]) -> list[Picture]:
        rows = [row for row in self._backtest.rows if row.question == asked.name]
        trade_off = pictures.trade_off(key, rows, headline(asked))
        always = [pictures.comparison(key, best_first, headline(asked)), pictures.time_taken(key, best_first)]
        return [*always, trade_off] if trade_off else always

    def _slices(self, key: str, asked: Asked) -> list[Slice]:
        return [
            _slice(key, by, chosen, self._looks[asked.name])
            for by in By
            if (chosen := [curve for curve in self._curves(asked) if curve.by is by])
        ]

    def _curves(self, asked: Asked) -> list[Curve]:
        """Those of the featured models, the best first."""
        models = self._featured[asked.name]
        mine = (
            one for one in self._backtest.curves if one.question == asked.name and one.model in models and one.points
        )
        return sorted(mine, key=lambda curve: models.index(curve.model))

    @cached_property
    def _featured(self) -> dict[str, tuple[str, ...]]:
        return {
            asked.name: pictures.featured(self._ranked(asked), self._simplest) for asked in self._backtest.questions
        }

    @cached_property
    def _looks(self) -> dict[str, dict[str, int]]:
        """Question to model to look."""
        found: dict[str, dict[str, int]] = {}
        known: dict[str, int] = {}
        for question, models in self._featured.items():
            found[question] = pictures.looks(models, known)
            known = found[question] | known
        return found


def _slice(key: str, by: By, curves: Sequence[Curve], looks: Mapping[str, int]) -> Slice:
    points = [{point.label: point for point in curve.points} for curve in curves]
    return Slice(
        pictures.curve_picture(key, by, curves, looks),
        tuple(curve.model for curve in curves),
        tuple((label, tuple(one.get(label) for one in points)) for label in pictures.group_labels(curves)),
    )


def _losses(backtest: Backtest) -> list[Picture]:
    trainings = sorted((one for one in backtest.trainings if one.loss), key=lambda one: one.model)
    grouped = groupby(trainings, key=lambda one: one.model)
    return [pictures.losses(f"training-{n}", model, list(fits)) for n, (model, fits) in enumerate(grouped, 1)]
