"""From what stands in a file's cells to the values of the contract.

A cell is bytes (CSV) or a typed value (Parquet). An empty cell is None. What cannot be understood
raises ValueError.
"""

import math
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo


def as_text(cell: Any) -> str | None:
    """Ids and titles: text as it stands; 17850 and 17850.0, which a table may make of an id, as "17850"."""
    if isinstance(cell, bytes):
        cell = cell.decode()
    if isinstance(cell, float):
        cell = None if math.isnan(cell) else int(cell) if cell.is_integer() else cell
    text = "" if cell is None else str(cell)
    return text if text.strip() else None


def as_number(cell: Any) -> int | float | None:
    """Quantities and prices."""
    if isinstance(cell, int | float):
        return None if math.isnan(cell) else cell
    text = as_text(cell)
    if text is None:
        return None
    try:
        return int(text)
    except ValueError:
        return float(text)


def as_moment(cell: Any, zone: ZoneInfo, time_format: str = "") -> datetime | None:
    """A time in UTC; one that names no zone is wall time in `zone`. `time_format` is strptime's, else ISO 8601."""
    if isinstance(cell, bytes | str):
        text = as_text(cell)
        if text is None:
            return None
        cell = datetime.strptime(text, time_format) if time_format else datetime.fromisoformat(text)
    if isinstance(cell, date) and not isinstance(cell, datetime):
        cell = datetime.combine(cell, time())
    if cell is None:
        return None
    if not isinstance(cell, datetime):
        raise ValueError(f"{cell!r} is not a time")
    try:
        return (cell if cell.tzinfo else cell.replace(tzinfo=zone)).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{cell} is out of range") from None


def as_flag(cell: Any) -> bool | None:
    """Whether an item is available."""
    if isinstance(cell, bool):
        return cell
    text = (as_text(cell) or "").strip().lower()
    if not text:
        return None
    if text not in _FLAGS:
        raise ValueError(f"{text!r} is neither true nor false")
    return _FLAGS[text]


_FLAGS = {"true": True, "1": True, "yes": True, "y": True, "false": False, "0": False, "no": False, "n": False}
