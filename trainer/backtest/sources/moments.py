"""When something happened: timestamps, dates, text or unix time, as unix time in microseconds.

A time without a zone is wall time where the shop is. A unix time does not say its unit, but as nobody's purchases
are older than 1973, its size does:

    from 10^8 seconds        from 10^11 milliseconds        from 10^14 microseconds        from 10^17 nanoseconds
"""

from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from serving.features import Int64s
from trainer.backtest.sources.values import Column

MISSING = np.iinfo(np.int64).min
"""Stands for a cell without a time."""
EXPECTED = (
    "a time like the others: ISO 8601, all with a zone or none, or unix time of one unit after 1973. "
    "Other text needs --time-format; rows whose order alone is known need no time, but --ordered"
)

_TEXT = pa.timestamp("ns"), pa.timestamp("ns", "UTC")
_UNIX_FROM = (1e8, 1e11, 1e14, 1e17)
_UNIX_MICROSECONDS = np.array([1e6, 1e3, 1.0, 1e-3])


def microseconds(column: Column, zone: ZoneInfo, time_format: str = "") -> Int64s:
    """Unix time of each cell, MISSING where it is empty: [n]. UnreadableData names the first row that has none.

    A time that names no zone is wall time in `zone`; `time_format` is strptime's, of text that is not ISO 8601.
    """
    if time_format:
        read, expected = partial(_formatted, time_format), f"a time like {time_format}"
        return _plain(column.converted(read, expected), zone)
    if pa.types.is_temporal(column.cells.type):
        return _plain(column.converted(_in_microseconds, "times"), zone)
    first = pc.drop_null(column.cells)[:1]
    for type_ in _TEXT:
        if _is_text(first) and _is_readable(first, type_):
            return _plain(column.converted(partial(_read, type_), EXPECTED), zone)
    return _of_unix(column)


def _formatted(time_format: str, cells: Any) -> Any:
    return pc.strptime(cells.cast(pa.string()), format=time_format, unit="us")


def _in_microseconds(cells: Any) -> Any:
    zone = cells.type.tz if pa.types.is_timestamp(cells.type) else None
    return pc.cast(cells, options=pc.CastOptions(pa.timestamp("us", zone), allow_time_truncate=True))


def _plain(moments: Any, zone: ZoneInfo) -> Int64s:
    """An hour that the clock shows twice is the first of the two; in one that it leaps over, nothing happens."""
    if moments.type.tz is None and zone.key != "UTC":
        moments = pc.assume_timezone(moments, zone.key, ambiguous="earliest", nonexistent="latest")
    unix: Int64s = moments.cast(pa.int64()).fill_null(MISSING).to_numpy()
    return unix


def _read(type_: Any, text: Any) -> Any:
    return _in_microseconds(text.cast(type_))


def _is_readable(text: Any, type_: Any) -> bool:
    try:
        text.cast(type_)
    except pa.ArrowInvalid:
        return False
    return True


def _is_text(cells: Any) -> bool:
    return bool(pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type))


def _of_unix(column: Column) -> Int64s:
    unix = column.numbers(missing=np.nan, expected=EXPECTED)
    given = np.flatnonzero(~np.isnan(unix))
    unit = np.searchsorted(_UNIX_FROM, unix[given], side="right") - 1
    wrong = given[(unit < 0) | (unit != unit[:1])]
    if len(wrong):
        raise column.unreadable(int(wrong[0]), EXPECTED)
    moments = np.full(len(unix), MISSING)
    moments[given] = np.round(unix[given] * _UNIX_MICROSECONDS[unit])
    return moments
