"""Purchases from a CSV or Parquet file with a row for each line of an order."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from trainer.backtest.sources.columns import FileColumns, FileRules
from trainer.backtest.sources.moments import microseconds
from trainer.backtest.sources.returns import without_returned
from trainer.backtest.sources.sieve import sieved
from trainer.backtest.sources.source import Source, source
from trainer.backtest.sources.tables import SourceTable, read_table
from trainer.backtest.sources.values import EMPTY, Column
from trainer.errors import UnreadableData
from trainer.numbering import Bools, Float64s, Ids, SourceLines, numbered
from trainer.progress import Progress, timed_step

ONE_MOMENT_ONE_ORDER = "No column says which lines are one order: what a user bought at one moment counts as one."
ONE_LINE_ONE_ORDER = "No column says which lines are one order: each line counts as an order of its own."


def read_file(path: Path, columns: FileColumns, rules: FileRules, progress: Progress) -> Source:
    """The purchases of a file. UnreadableData where it is not what `columns` and `rules` say, NotEnoughData where
    no user has two orders."""
    _check(columns, rules)
    with timed_step(progress, f"reading {path.name}"):
        return _source(_read(path, columns, rules), columns, rules)


def read_customers_and_everybody(
    path: Path, columns: FileColumns, rules: FileRules, progress: Progress
) -> tuple[Source, Source]:
    """The purchases of named users alone, and those of everybody, where orders tell the unnamed ones apart; raises as
    `read_file` does."""
    _check(columns, rules)
    with timed_step(progress, f"reading {path.name}"):
        read = _read(path, columns, rules)
        customers = _source(read, columns, rules)
        everybody = _source(read, columns, replace(rules, anonymous="own")) if columns.order else customers
        return customers, everybody


class _Read(NamedTuple):
    """All rows of a file, which may lack an id or a time."""

    table: SourceTable
    lines: SourceLines
    order: Ids | None


def _check(columns: FileColumns, rules: FileRules) -> None:
    if rules.ordered == bool(columns.time):
        raise UnreadableData("name the column of the time, or say that the rows are --ordered: one of both, not both")
    if rules.anonymous == "own" and not columns.order:
        raise UnreadableData("rows without a user can be users of their own only where a column names their order")


def _source(read: _Read, columns: FileColumns, rules: FileRules) -> Source:
    table, rows, user = read.table, read.lines, read.lines.user
    if read.order and rules.anonymous == "own":
        rows = rows._replace(user=_own_users(user, read.order))
    kept, left_out = sieved(rows, rules)
    lines = rows.chosen(kept)
    bought = without_returned(lines) if rules.returns == "take-back" else lines
    counts = {
        "rows read": len(kept) + len(table.malformed),
        "rows without a user, of which each order is a user of its own": int((kept & (user.code == EMPTY)).sum()),
        "left out: cells that do not fit the header": len(table.malformed),
        **{f"left out: {reason}": n for reason, n in left_out.items()},
        "left out: returns and what they took back": len(lines.quantity) - len(bought.quantity),
    }
    told = {what: n for what, n in counts.items() if n}
    return source(
        table.path.name, numbered(bought), told, _descriptions(table, columns, rows.item, kept), _notes(columns)
    )


def _read(path: Path, columns: FileColumns, rules: FileRules) -> _Read:
    zone, table = columns.zone(), read_table(path, columns.names())
    order = Column(table, columns.order).ids() if columns.order else None
    lines = SourceLines(
        user=Column(table, columns.user).ids(),
        item=Column(table, columns.item).ids(),
        at=microseconds(Column(table, columns.time), zone, rules.time_format) if columns.time else None,
        order=order and order.code,
        quantity=_numbers(table, columns.quantity, missing=1.0),
        price=_numbers(table, columns.price, missing=np.nan),
    )
    return _Read(table, lines, order)


def _own_users(user: Ids, order: Ids) -> Ids:
    """Where nobody is named, a user who is called like the order."""
    own = np.where(order.code == EMPTY, EMPTY, len(user.texts) + order.code)
    return Ids(np.where(user.code == EMPTY, own, user.code), [*user.texts, *order.texts])


def _numbers(table: SourceTable, name: str, missing: float) -> Float64s:
    return Column(table, name).numbers(missing) if name else np.full(table.columns.num_rows, missing)


def _descriptions(table: SourceTable, columns: FileColumns, item: Ids, kept: Bools) -> dict[str, str]:
    """What most of an item's lines call it; of two that are as many, the one that came first."""
    if not columns.description:
        return {}
    description = Column(table, columns.description).ids()
    said = kept & (description.code != EMPTY)
    n_texts = len(description.texts)
    pair, first, n = np.unique(
        item.code[said] * n_texts + description.code[said], return_index=True, return_counts=True
    )
    rarest_first = pair[np.lexsort((-first, n))]
    return {
        item.texts[code]: description.texts[text] for code, text in zip(*divmod(rarest_first, n_texts), strict=True)
    }


def _notes(columns: FileColumns) -> tuple[str, ...]:
    if columns.order:
        return ()
    return (ONE_MOMENT_ONE_ORDER if columns.time else ONE_LINE_ONE_ORDER,)
