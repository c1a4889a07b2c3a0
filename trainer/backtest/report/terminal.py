"""The report at a terminal: all questions at a glance, then each with its metrics."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from trainer.backtest.report import wording
from trainer.backtest.report.tables import Cell, Mark, Table, overview, tables
from trainer.backtest.results import Backtest

T = TypeVar("T")

STYLES = {Mark.BEST: "bold green", Mark.CLOSE: "yellow", Mark.OTHER: ""}


def render(backtest: Backtest) -> RenderableType:
    """Everything but what curves show."""
    return Group(*_parts(backtest))


def _parts(backtest: Backtest) -> Iterator[RenderableType]:
    yield _at_a_glance(backtest)
    for asked in backtest.questions:
        for table in tables(backtest, asked)[:1]:
            yield Text()
            yield _in_full(table, f"{asked.name}: {asked.title}")
    within = ("the best lies within its interval", STYLES[Mark.CLOSE])
    yield Text.assemble("\n", ("best of its column", STYLES[Mark.BEST]), "; ", within)
    for failure in backtest.failures:
        yield Text(f"no figures of {failure.model} on {failure.question}: {failure.reason}", style="red")


def _at_a_glance(backtest: Backtest) -> RichTable:
    """All questions by their headlines."""
    found = overview(backtest)
    drawn = _empty("All questions")
    for asked, column in zip(backtest.questions, found.columns, strict=True):
        drawn.add_column(Text(f"{asked.name}\n{column.name}"), justify="right")
    for line in found.lines:
        drawn.add_row(Text(line.model), *map(_cell, line.cells))
    return drawn


def _in_full(table: Table, title: str) -> RichTable:
    """One question with all its metrics, and the interval of the first."""
    drawn = _empty(title)
    for name in _with_second([column.name for column in table.columns], "95%"):
        drawn.add_column(Text(name), justify="right")
    drawn.add_column("seconds", justify="right")
    for line in table.lines:
        cells = _with_second([_cell(cell) for cell in line.cells], _interval(line.cells[0]))
        drawn.add_row(Text(line.model), *cells, Text(f"{line.seconds:,.1f}"))
    return drawn


def _empty(title: str) -> RichTable:
    # Text, not str, here and above: a name must not be read as markup.
    drawn = RichTable(title=Text(title), title_justify="left", title_style="bold", box=None, padding=(0, 1))
    drawn.add_column("model", no_wrap=True)
    return drawn


def _with_second(values: Sequence[T], second: T) -> list[T]:
    return [*values[:1], second, *values[1:]]


def _cell(cell: Cell | None) -> Text:
    return Text(wording.NOTHING, "dim") if cell is None else Text(wording.figure(cell.value), STYLES[cell.mark])


def _interval(cell: Cell | None) -> Text:
    return Text("" if cell is None else f"{wording.figure(cell.low)}–{wording.figure(cell.high)}", "dim")
