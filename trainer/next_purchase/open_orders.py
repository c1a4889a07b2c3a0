"""What the model learns from at line grain: open orders, each asked about at every one of its lines in one pass.

    closed   the user's newest closed lines, as serving.features makes them
    open     the lines that lie in the open order, the first one leftmost
    after    after[t] is what was put in next when t open lines were visible

Long orders are cut into windows that overlap: a window sees a few lines more than it is asked about. Where all
lines of a user are one run (trainer.next_purchase.runs), a window's lines are open, and those before it closed.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import PADDING, Float32s, Int32s, Int64s, LineColumns, ModelInputs
from trainer.next_purchase.batches import trimmed
from trainer.next_purchase.examples import inputs_of, visible_lines
from trainer.next_purchase.runs import Run, begins, known_items
from trainer.purchases import Moments, Purchases

MAX_OPEN_LINES = 128
"""Lines of an open order that the model looks at, the newest ones."""
MOST_LINES = 256
"""Lines of a history that the model looks at, the newest ones: it points at each from every position."""
OVERLAP = 32
WINDOW_STEP = MAX_OPEN_LINES - OVERLAP
_LENGTH_UNIT = 8
"""Batches are this much longer than needed, so that few lengths have to be compiled."""


class OpenInputs(NamedTuple):
    """B windows of open orders, right padded to T lines."""

    item_index: Int32s
    """[B, T]"""
    quantity: Float32s
    """[B, T]"""
    skipped: Int32s
    """Older lines of the open order, which the window does not hold: [B]"""


@dataclass(frozen=True)
class Windows:
    """n stretches of lines of one run each; places are those in the order of users (`purchases.by_user.line`)."""

    purchases: Purchases
    lines: LineColumns
    user: Int32s
    opened: Int64s
    """Position in the order of time from which on the user's lines count as open: [n]."""
    origin: Int64s
    """Place of the first open line: [n]."""
    start: Int64s
    """First line that is visible: [n]."""
    asked_from: Int64s
    """First line that is asked about: [n]."""
    end: Int64s
    """Where the lines that are asked about end: [n]."""
    as_of: Int64s

    def __len__(self) -> int:
        return len(self.start)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(
            self.purchases,
            self.lines,
            self.user[chosen],
            self.opened[chosen],
            self.origin[chosen],
            self.start[chosen],
            self.asked_from[chosen],
            self.end[chosen],
            self.as_of[chosen],
        )

    @property
    def length(self) -> Int64s:
        """Positions that are asked about or read on the way there: [n]."""
        return self.end - self.start

    def closed(self, vocabulary_size: int) -> ModelInputs:
        """What the user had bought in closed orders: at most [n, MOST_LINES] each."""
        moments = Moments(self.purchases, self.user, self.opened, self.as_of, self.opened)
        inputs = trimmed(inputs_of(self.lines, moments, vocabulary_size))
        return {name: values[:, -MOST_LINES:] for name, values in inputs.items()}

    def open(self, vocabulary_size: int) -> OpenInputs:
        """The lines that were visible; the last one, which is only asked about, is not among them."""
        place, present = self._places()
        visible = present & (place + 1 < self.end[:, None])
        items = np.where(visible, known_items(self.lines.item_index[place], vocabulary_size), PADDING)
        quantity = np.where(visible, self.lines.quantity[place], 0).astype(np.float32)
        return OpenInputs(items.astype(np.int32), quantity, (self.start - self.origin).astype(np.int32))

    def after(self, vocabulary_size: int) -> Int32s:
        """What came next after t = 0, 1, .. visible lines, PADDING where that is not asked: [n, T]."""
        place, present = self._places()
        asked = present & (place >= self.asked_from[:, None])
        return np.where(asked, known_items(self.lines.item_index[place], vocabulary_size), PADDING).astype(np.int32)

    def line_numbers(self) -> Int64s:
        """Number of the line that came next, in the order of time; that of any line where there is none: [n, T]."""
        return self.purchases.by_user.line[self._places()[0]]

    def _places(self) -> tuple[Int64s, NDArray[np.bool_]]:
        width = -(-int(self.length.max(initial=1)) // _LENGTH_UNIT) * _LENGTH_UNIT
        place = self.start[:, None] + np.arange(width)
        present = place < self.end[:, None]
        return np.minimum(place, len(self.lines.item_index) - 1), present


class AskedWindows(NamedTuple):
    """n moments, and the windows in which they lie."""

    windows: Windows
    row: Int64s
    """Number of the window: [n]."""
    column: Int64s
    """How many of its lines were visible: [n]."""


def windows(purchases: Purchases, run: Run, start: int, end: int) -> Windows:
    """The runs that the lines start..end of the purchases open or go on with, cut into windows, in the order of
    time; asked about are those lines."""
    line = purchases.by_user.line
    asked, size, run_start = _stretches(purchases, run, start, end)
    lead = np.minimum(asked - run_start, OVERLAP)
    n_windows = 1 + np.maximum(-(-(lead + size - MAX_OPEN_LINES) // WINDOW_STEP), 0)
    which = np.repeat(np.arange(len(asked)), n_windows)
    number = np.arange(len(which)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    first = (asked - lead)[which] + number * WINDOW_STEP
    last = np.minimum(first + MAX_OPEN_LINES, (asked + size)[which])
    asked_from = np.where(number > 0, first + OVERLAP, asked[which])
    origin = first if run is Run.USER else run_start[which]
    opened = line[origin]
    columns = (purchases.user[opened], opened, origin, first, asked_from, last, purchases.at[opened])
    return Windows(purchases, visible_lines(purchases), *columns)


def asked_windows(moments: Moments, run: Run, lines: LineColumns) -> AskedWindows:
    """The windows in which these moments lie; those of one run share them. `lines` are those of `visible_lines`."""
    begin, opened_place, end = moments.spans
    run_start = begin if run is Run.USER else opened_place
    number = np.maximum(-(-(end - run_start - MAX_OPEN_LINES + 1) // WINDOW_STEP), 0)
    first = run_start + number * WINDOW_STEP
    column = end - first
    opened, as_of = _opened(moments, run, first, column)
    key = np.stack([moments.user.astype(np.int64), opened, as_of, first])
    _, chosen, row = np.unique(key, axis=1, return_index=True, return_inverse=True)
    row = row.reshape(-1)
    last = first[chosen]
    np.maximum.at(last, row, end + 1)
    first, origin = first[chosen], (first if run is Run.USER else run_start)[chosen]
    columns = (moments.user[chosen], opened[chosen], origin, first, first, last, as_of[chosen])
    return AskedWindows(Windows(moments.purchases, lines, *columns), row, column)


def _stretches(purchases: Purchases, run: Run, start: int, end: int) -> tuple[Int64s, Int64s, Int64s]:
    """The lines start..end by the runs in which they lie: the place of each run's first one in the order of users,
    how many there are, and where the run begins: [n] each, in the order of time."""
    line, is_first = purchases.by_user.line, begins(purchases, run)
    run_start = np.maximum.accumulate(np.where(is_first, np.arange(len(line)), 0))
    place = np.flatnonzero((line >= start) & (line < end))
    apart = np.flatnonzero(is_first[place] | (np.diff(place, prepend=-2) > 1))
    asked, size = place[apart], np.diff(apart, append=len(place))
    by_time = np.argsort(line[asked])
    return asked[by_time], size[by_time], run_start[asked[by_time]]


def _opened(moments: Moments, run: Run, first: Int64s, n_visible: Int64s) -> tuple[Int64s, Int64s]:
    """From which position on each moment's lines count as open, and the time from which it looks back on the
    others: [n] each."""
    if run is Run.ORDER:
        return moments.open_from, moments.as_of
    line = moments.purchases.by_user.line
    opened = np.where(n_visible > 0, line[np.minimum(first, len(line) - 1)], moments.before)
    as_of = np.where(n_visible > 0, moments.purchases.at[np.minimum(opened, len(line) - 1)], moments.as_of)
    return opened, as_of
