"""Rows of JSON lines, CSV and Parquet files, one after the other, in bounded memory."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Literal, NamedTuple, TypeAlias, get_args

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as papq

from streams.clients.errors import UnreadableFile
from streams.contract.messages import MAX_VALUE_BYTES

Format: TypeAlias = Literal["jsonl", "csv", "parquet"]
FORMATS: tuple[str, ...] = get_args(Format)
ROWS_AT_ONCE = 16_384
CSV_BLOCK_BYTES = 1 << 20

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class Row(NamedTuple):
    """The values of the columns that were asked for. `number` counts from 1 and, in CSV, with the header."""

    number: int
    values: tuple[Any, ...]


Progress: TypeAlias = Callable[[float], None]
"""Called with the share of the file that has been read, from 0 to 1."""
Malformed: TypeAlias = Callable[[int, str], None]
"""Called with the number of a row that has no values at all, and what is wrong with it."""


def format_of(path: Path) -> Format:
    """By the file's name; UnreadableFile where it does not tell."""
    found = _SUFFIXES.get(path.suffix.lower())
    if found is None:
        raise UnreadableFile(f"{path}: the name does not tell its format; say which with --format {'|'.join(FORMATS)}")
    return found


def json_lines(path: Path, progress: Progress) -> Iterator[tuple[int, bytes]]:
    """Line number and bytes of each line that is not blank; of an overlong line only its beginning."""
    with _opened(path) as (file, size):
        number = 0
        while line := file.readline(MAX_VALUE_BYTES + 2):
            number += 1
            if line.strip():
                yield number, line.strip()
            while not line.endswith(b"\n") and (line := file.readline(MAX_VALUE_BYTES)):
                pass
            progress(file.tell() / size)


class TableFile:
    """A CSV or Parquet file, of which only `columns` are read, in that order."""

    def __init__(self, path: Path, columns: Sequence[str], progress: Progress, malformed: Malformed) -> None:
        self._path = path
        self._columns = list(columns)
        self._progress = progress
        self._malformed = malformed

    def rows(self, format_: Format) -> Iterator[Row]:
        """The rows in order: CSV values are bytes, Parquet values have their Python types."""
        with _opened(self._path) as (file, size):
            yield from self._csv_rows(file, size) if format_ == "csv" else self._parquet_rows(file)

    def _csv_rows(self, file: IO[bytes], size: int) -> Iterator[Row]:
        skipped: deque[int] = deque()

        def skip(row: pacsv.InvalidRow) -> str:
            self._malformed(row.number, f"has {row.actual_columns} columns, expected {row.expected_columns}")
            skipped.append(row.number)
            return "skip"

        # As bytes: a type guessed from the first rows would turn the user 0012 into 12.
        types = dict.fromkeys(self._columns, pa.binary())
        with _readable(self._path):
            reader = pacsv.open_csv(
                file,
                read_options=pacsv.ReadOptions(use_threads=False, block_size=CSV_BLOCK_BYTES),
                parse_options=pacsv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
                convert_options=pacsv.ConvertOptions(include_columns=self._columns, column_types=types),
            )
        number = 1
        for batch in _batches(self._path, reader):
            for values in self._tuples(batch):
                number += 1
                while skipped and skipped[0] <= number:
                    skipped.popleft()
                    number += 1
                yield Row(number, values)
            self._progress(file.tell() / size)

    def _parquet_rows(self, file: IO[bytes]) -> Iterator[Row]:
        with _readable(self._path):
            table = papq.ParquetFile(file)
        there = table.schema_arrow.names
        missing = [column for column in self._columns if column not in there]
        if missing:
            raise UnreadableFile(f"{self._path}: no column {', '.join(missing)}; there are {', '.join(there)}")
        n_read = 0
        for batch in _batches(self._path, table.iter_batches(ROWS_AT_ONCE, columns=self._columns)):
            for values in self._tuples(batch):
                n_read += 1
                yield Row(n_read, values)
            self._progress(n_read / table.metadata.num_rows)

    def _tuples(self, batch: Any) -> Iterator[tuple[Any, ...]]:
        return zip(*[_values(batch.column(column)) for column in self._columns], strict=True)


def _values(column: Any) -> list[Any]:
    """Nanoseconds have no place in Python's datetime, so they are cut off."""
    if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    values: list[Any] = column.to_pylist()
    return values


def _batches(path: Path, batches: Any) -> Iterator[Any]:
    reader = iter(batches)
    while True:
        with _readable(path):
            batch = next(reader, None)
        if batch is None:
            return
        yield batch


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path}: {str(error).splitlines()[0].strip(chr(39))}") from None


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int]]:
    """The file and its size in bytes (at least 1)."""
    try:
        file = path.open("rb")
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from None
    with file:
        yield file, max(path.stat().st_size, 1)
