"""The report at a terminal: all questions at a glance, then each with its metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile
from textwrap import wrap
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table as RichTable
from rich.text import Text

from trainer.backtest.report import wording
from trainer.backtest.report.tables import Cell, Mark, Table, overview, tables
from trainer.backtest.results import Backtest, Published

STYLES = {Mark.BEST: "bold green", Mark.CLOSE: "yellow", Mark.OTHER: ""}
_GAP = 2
_NAME_WIDTH = 14


def render(backtest: Backtest) -> RenderableType:
    """Everything but what curves show; of columns that do not fit on the screen the last are left out."""
    return _Report(backtest)


@dataclass(frozen=True)
class _Report:
    """Knows how wide the screen is only when it is shown."""

    backtest: Backtest

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        if self.backtest.questions:
            yield _at_a_glance(self.backtest, options.max_width)
        for asked in self.backtest.questions:
            for table in tables(self.backtest, asked)[:1]:
                yield Text()
                yield _in_full(table, f"{asked.name}: {asked.title}", options.max_width)
        if self.backtest.questions:
            close = ("the best lies within its interval", STYLES[Mark.CLOSE])
            yield Text.assemble("\n", ("best of its column", STYLES[Mark.BEST]), "; ", close)
        if self.backtest.published:
            yield Text()
            yield _beside_ours(self.backtest.published, options.max_width)
        for failure in self.backtest.failures:
            yield Text(f"no figures of {failure.model} on {failure.question}: {failure.reason}", style="red")


class _Column(NamedTuple):
    """One column of a table on the screen."""

    heading: str
    cells: Sequence[Text]
    """One for each model."""

    @property
    def width(self) -> int:
        return _GAP + max(map(len, [*self.heading.split("\n"), *(cell.plain for cell in self.cells)]))


def _at_a_glance(backtest: Backtest, width: int) -> RichTable:
    """All questions by their headlines."""
    found = overview(backtest)
    names = ["\n".join(wrap(asked.name, _NAME_WIDTH)) for asked in backtest.questions]
    columns = [
        _Column(f"{name}\n{column.name}", cells)
        for name, column, cells in zip(names, found.columns, _by_column(found), strict=True)
    ]
    return _drawn("All questions", [line.model for line in found.lines], columns, width)


def _in_full(table: Table, title: str, width: int) -> RichTable:
    """One question with all its metrics, and with the interval of the first."""
    metrics = [_Column(column.name, cells) for column, cells in zip(table.columns, _by_column(table), strict=True)]
    intervals = _Column("95%", [_interval(line.cells[0]) for line in table.lines])
    seconds = _Column("seconds", [Text(f"{line.seconds:,.1f}") for line in table.lines])
    columns = [*metrics[:1], intervals, seconds, *metrics[1:]]
    return _drawn(title, [line.model for line in table.lines], columns, width)


def _beside_ours(published: Sequence[Published], width: int) -> RichTable:
    """What others have published; by which protocol ours was measured, the page tells."""
    columns = [
        _Column("metric", [Text(one.metric) for one in published]),
        _Column("theirs", [Text(wording.figure(one.theirs)) for one in published]),
        _Column("ours", [Text(wording.figure(one.ours)) for one in published]),
        _Column("source", [Text(one.source) for one in published]),
    ]
    return _drawn("Published figures beside ours", [one.model for one in published], columns, width)


def _drawn(title: str, names: Sequence[str], columns: Sequence[_Column], width: int) -> RichTable:
    """Models, and as many of the columns as fit."""
    # Text, not str: a name must not be read as markup.
    drawn = RichTable(title=Text(title), title_justify="left", title_style="bold", box=None, padding=(0, 1))
    drawn.add_column("model", no_wrap=True, vertical="bottom")
    models = _Column("model", list(map(Text, names)))
    shown = _fitting(columns, width - models.width)
    for column in shown:
        drawn.add_column(Text(column.heading), justify="right", no_wrap=True)
    for cells in zip(models.cells, *(column.cells for column in shown), strict=True):
        drawn.add_row(*cells)
    return drawn


def _fitting(columns: Sequence[_Column], width: int) -> list[_Column]:
    ends = accumulate(column.width for column in columns)
    return list(columns[: len(list(takewhile(lambda end: end <= width, ends)))])


def _by_column(table: Table) -> list[list[Text]]:
    return [[_cell(line.cells[place]) for line in table.lines] for place in range(len(table.columns))]


def _cell(cell: Cell | None) -> Text:
    return Text(wording.NOTHING, "dim") if cell is None else Text(wording.figure(cell.value), STYLES[cell.mark])


def _interval(cell: Cell | None) -> Text:
    return Text("" if cell is None else f"{wording.figure(cell.low)}–{wording.figure(cell.high)}", "dim")
