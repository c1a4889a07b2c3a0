"""CSV and Parquet files as tables of the columns that were asked for."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from trainer.errors import UnreadableData

_PARQUET = (".parquet", ".pq")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}


class SourceTable(NamedTuple):
    """The rows of a file that have as many cells as its header, as columns."""

    path: Path
    columns: Any
    """pyarrow.Table; of a CSV file all are text, and empty cells are null."""
    first_row: int = 1
    """Number of the first row; a header is row 1."""
    malformed: Sequence[int] = ()
    """Numbers of the rows that were left out, because they have too many cells or too few; rising."""

    def row_number(self, position: int) -> int:
        """Which row of the file a row of the table is."""
        number = position + self.first_row
        for malformed in self.malformed:
            number += malformed <= number
        return number


def read_table(path: Path, names: Sequence[str]) -> SourceTable:
    """The named columns of a file; UnreadableData where it cannot be read, lacks one of them or has no rows."""
    with _readable(path):
        table = _parquet(path, names) if path.suffix.lower() in _PARQUET else _csv(path, names)
    if not table.columns.num_rows:
        raise UnreadableData(f"{path}: the file has no rows")
    return table


def _parquet(path: Path, names: Sequence[str]) -> SourceTable:
    with papq.ParquetFile(path) as file:
        _check_names(path, names, file.schema_arrow.names)
        return SourceTable(path, file.read(columns=list(names)))


def _csv(path: Path, names: Sequence[str]) -> SourceTable:
    malformed: list[int] = []

    def skip(row: pacsv.InvalidRow) -> str:
        malformed.append(row.number)
        return "skip"

    parsing = pacsv.ParseOptions(delimiter=_delimiter(path), newlines_in_values=True, invalid_row_handler=skip)
    with pacsv.open_csv(path, parse_options=parsing) as head:
        _check_names(path, names, head.schema.names)
    malformed.clear()
    columns = pacsv.read_csv(
        path,
        # Rows have numbers only where one thread reads them.
        read_options=pacsv.ReadOptions(use_threads=False),
        parse_options=parsing,
        convert_options=pacsv.ConvertOptions(
            include_columns=list(names),
            # A type guessed from the first rows would turn the user 0012 into 12.
            column_types=dict.fromkeys(names, pa.string()),
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    return SourceTable(path, columns, 2, malformed)


def _delimiter(path: Path) -> str:
    """By the file's name, also where it is compressed: lines.csv.gz"""
    for suffix in reversed(path.suffixes):
        if suffix.lower() in _DELIMITERS:
            return _DELIMITERS[suffix.lower()]
    known = ", ".join((*_DELIMITERS, *_PARQUET))
    raise UnreadableData(f"{path}: the name does not tell the format; it should end with one of {known}")


def _check_names(path: Path, names: Sequence[str], there: Sequence[str]) -> None:
    missing = [name for name in names if name not in there]
    if missing:
        raise UnreadableData(f"{path}: no column {', '.join(missing)}; there are {', '.join(there)}")
    twice = [name for name in names if list(there).count(name) > 1]
    if twice:
        raise UnreadableData(f"{path}: more than one column is called {', '.join(twice)}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UnreadableData(f"{path}: {str(error).splitlines()[0]}") from None
