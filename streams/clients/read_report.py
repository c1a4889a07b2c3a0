"""What became of the rows of a file: how many were read, and which were left out and why."""

import re
from collections import Counter

from streams.contract.errors import InvalidEvent

MAX_EXAMPLES = 20


class ReadReport:
    """Filled while a file is read; complete once its iterator has ended."""

    def __init__(self) -> None:
        self.rows = 0
        """Rows seen so far, those left out included."""
        self.read: Counter[str] = Counter()
        """How many of each kind came out: purchase, return, erasure, item."""
        self.left_out: Counter[str] = Counter()
        """Rows left out, by reason."""
        self.examples: list[str] = []
        """The first rows that were left out because something is wrong with them, each in a line."""
        self.fraction = 0.0
        """Share of the file that has been read, from 0 to 1."""

    def progressed(self, fraction: float) -> None:
        self.fraction = fraction

    def leave_out(self, number: int | str, reason: str, what: str = "", rows: int = 1) -> None:
        """Count `rows` as left out; `what` says what is wrong with one, where more than that something is missing."""
        self.left_out[reason] += rows
        if what and len(self.examples) < MAX_EXAMPLES:
            where = f"row {number:,}" if isinstance(number, int) else number
            self.examples.append(f"{where}: {what}")

    def leave_out_invalid(self, number: int | str, error: InvalidEvent, rows: int = 1) -> None:
        """Count `rows` by the reason of `error`; without the index of a line, so that reasons are few."""
        field = re.sub(r"\[\d+\]", "", error.field)
        self.leave_out(number, f"{error.reason} {field}".strip(), str(error), rows)

    def malformed(self, number: int, what: str) -> None:
        self.rows += 1
        self.leave_out(number, "malformed", what)
