"""From the cells of a column to arrays: ids, numbers and moments; what cannot be understood names its row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trainer.backtest.sources.tables import SourceTable
from trainer.errors import UnreadableData
from trainer.numbering import Float64s, Ids

EMPTY = -1
"""Code of a cell without an id."""


class Column:
    """One column of a table."""

    def __init__(self, table: SourceTable, name: str) -> None:
        self._table = table
        self._name = name
        cells = table.columns[name]
        is_dictionary = pa.types.is_dictionary(cells.type)
        self.cells = cells.cast(cells.type.value_type) if is_dictionary else cells
        """pyarrow.ChunkedArray of plain values."""

    def ids(self) -> Ids:
        """What stands in the cells, as text; 17850.0, which a table may make of an id with gaps, as "17850"."""
        indices, distinct = self.converted(_encoded, "text or whole numbers")
        code = indices.fill_null(EMPTY).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = distinct.to_pylist()
        blank = np.array([not text.strip() for text in [*texts, ""]])
        return Ids(np.where(blank[code], EMPTY, code), texts)

    def numbers(self, missing: float, expected: str = "a number") -> Float64s:
        """[n]; `missing` where a cell is empty or not a number."""
        values = (
            self.converted(lambda cells: cells.cast(pa.float64(), safe=False), expected).fill_null(missing).to_numpy()
        )
        infinite = np.flatnonzero(np.isinf(values))
        if len(infinite):
            raise self.unreadable(int(infinite[0]), expected)
        return np.where(np.isnan(values), missing, values)

    def converted(self, convert: Callable[[Any], Any], expected: str) -> Any:
        """All cells through a conversion that raises pyarrow's errors."""
        try:
            return convert(self.cells)
        except pa.ArrowNotImplementedError:
            raise self._unusable(expected) from None
        except pa.ArrowInvalid:
            raise self.unreadable(_first_failure(self.cells, convert), expected) from None

    def unreadable(self, position: int, expected: str) -> UnreadableData:
        """The error that one cell is not what was expected."""
        row, cell = self._table.row_number(position), str(self.cells[position])
        return UnreadableData(f"{self._table.path}: row {row:,}: {self._name} is {cell!r}, expected {expected}")

    def _unusable(self, expected: str) -> UnreadableData:
        return UnreadableData(f"{self._table.path}: {self._name} holds {self.cells.type}, expected {expected}")


def _encoded(cells: Any) -> tuple[Any, Any]:
    """Each cell's place among the distinct texts, and these."""
    if pa.types.is_floating(cells.type):
        cells = _integral(cells)
    elif pa.types.is_null(cells.type):
        cells = cells.cast(pa.string())
    encoded = cells.dictionary_encode().combine_chunks()
    return encoded.indices, encoded.dictionary.cast(pa.string())


def _integral(cells: Any) -> Any:
    """As whole numbers, if all are."""
    cells = pc.if_else(pc.is_nan(cells), None, cells)
    try:
        return cells.cast(pa.int64())
    except pa.ArrowInvalid:
        return cells


def _first_failure(cells: Any, convert: Callable[[Any], Any]) -> int:
    """Position of the first cell that cannot be converted; there is one."""
    start, end = 0, len(cells)
    while end - start > 1:
        middle = (start + end) // 2
        try:
            convert(cells.slice(start, middle - start))
        except pa.ArrowInvalid:
            end = middle
        else:
            start = middle
    return start
