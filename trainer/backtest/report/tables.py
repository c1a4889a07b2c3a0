"""Rows as tables: one line per model, one column per metric, and in each column the best marked.

A figure whose interval reaches the best value is marked too: chance may have put it behind.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trainer.backtest.results import Asked, Backtest, Row


class Mark(StrEnum):
    """How a figure stands in its column."""

    BEST = "best"
    CLOSE = "close"
    """Not the best, but the best value lies within its interval."""
    OTHER = "other"


@dataclass(frozen=True)
class Column:
    metric: str
    k: int | None
    lower_is_better: bool = False

    @property
    def name(self) -> str:
        return self.metric if self.k is None else f"{self.metric}@{self.k}"


@dataclass(frozen=True)
class Cell:
    value: float
    low: float
    high: float
    mark: Mark


@dataclass(frozen=True)
class Line:
    model: str
    cells: tuple[Cell | None, ...]
    """One for each column; None where the model has no such figure."""
    seconds: float


@dataclass(frozen=True)
class Table:
    title: str
    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    """The best by the first column on top; models without a figure there come last."""


def headline(asked: Asked) -> Column:
    """The metric by which models are compared on one question."""
    metric, k = asked.headline
    return Column(metric, k, metric in asked.lower_is_better)


def tables(backtest: Backtest, asked: Asked) -> tuple[Table, ...]:
    """All figures of one question: a table for each length of the list, that of the headline first."""
    rows = [row for row in backtest.rows if row.question == asked.name]
    lengths = sorted({row.k for row in rows}, key=lambda k: (k != asked.headline[1], k is None, k or 0))
    return tuple(_table(asked, [row for row in rows if row.k == k], k) for k in lengths)


def overview(backtest: Backtest) -> Table:
    """All models on all questions, by their headlines."""
    columns = [headline(asked) for asked in backtest.questions]
    questions = [[row for row in backtest.rows if row.question == asked.name] for asked in backtest.questions]
    return _arranged("All questions", columns, list(map(ranked, questions, columns)))


def ranked(rows: Iterable[Row], column: Column) -> list[Row]:
    """The rows of one column, the best first; what is not a number is left out."""
    mine = (row for row in rows if (row.metric, row.k) == (column.metric, column.k) and math.isfinite(row.value))
    return sorted(mine, key=lambda row: row.value, reverse=not column.lower_is_better)


def marked(best_first: Sequence[Row], column: Column) -> dict[str, Cell]:
    """Model to cell, for the rows of one column."""
    return {row.model: Cell(row.value, row.low, row.high, _mark(row, best_first[0], column)) for row in best_first}


def _mark(row: Row, best: Row, column: Column) -> Mark:
    if row.value == best.value:
        return Mark.BEST
    reaches = row.low <= best.value if column.lower_is_better else row.high >= best.value
    return Mark.CLOSE if reaches else Mark.OTHER


def _table(asked: Asked, rows: Sequence[Row], k: int | None) -> Table:
    metrics = sorted(dict.fromkeys(row.metric for row in rows), key=lambda metric: metric != asked.headline[0])
    columns = [Column(metric, k, metric in asked.lower_is_better) for metric in metrics]
    return _arranged("Whole ranking" if k is None else f"Lists of {k}", columns, [ranked(rows, one) for one in columns])


def _arranged(title: str, columns: Sequence[Column], found: Sequence[Sequence[Row]]) -> Table:
    """A table of the rows that were found for each column."""
    seconds = {row.model: row.seconds for rows in found for row in rows}
    cells = list(map(marked, found, columns))
    lines = (Line(model, tuple(column.get(model) for column in cells), seconds[model]) for model in seconds)
    # Models appear first where they rank in the first column that knows them, which is the order to show.
    return Table(title, tuple(columns), tuple(lines))
