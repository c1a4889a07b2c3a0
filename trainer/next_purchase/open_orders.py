"""What the model learns from at line grain: open orders, each asked about at every one of its lines in one pass.

    closed   the user's newest closed lines, as serving.features makes them
    open     the lines that lie in the open order, the first one leftmost
    after    after[t] is what was put in next when t open lines were visible

Long orders are cut into windows that overlap: a window sees a few lines more than it is asked about.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import PADDING, UNKNOWN, Float32s, Int32s, Int64s, LineColumns, ModelInputs
from trainer.next_purchase.batches import trimmed
from trainer.next_purchase.examples import inputs_of, visible_lines
from trainer.purchases import Moments, Purchases

MAX_OPEN_LINES = 128
"""Lines of an open order that the model looks at, the newest ones."""
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
    """n runs of lines of one order each, in the order of users (`purchases.by_user.line`)."""

    purchases: Purchases
    lines: LineColumns
    user: Int32s
    opened: Int64s
    """Position in the order of time from which on the user's lines lie in the order: [n]."""
    order_start: Int64s
    """Where the order begins: [n]."""
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
            self.order_start[chosen],
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
        """What the user had bought in closed orders: [n, SEQUENCE_LENGTH] each."""
        moments = Moments(self.purchases, self.user, self.opened, self.as_of, self.opened)
        return trimmed(inputs_of(self.lines, moments, vocabulary_size))

    def open(self, vocabulary_size: int) -> OpenInputs:
        """The lines that were visible; the last one, which is only asked about, is not among them."""
        place, present = self._places()
        visible = present & (place + 1 < self.end[:, None])
        items = np.where(visible, _known(self.lines.item_index[place], vocabulary_size), PADDING)
        quantity = np.where(visible, self.lines.quantity[place], 0).astype(np.float32)
        return OpenInputs(items.astype(np.int32), quantity, (self.start - self.order_start).astype(np.int32))

    def after(self, vocabulary_size: int) -> Int32s:
        """What came next after t = 0, 1, .. visible lines, PADDING where that is not asked: [n, T]."""
        place, present = self._places()
        asked = present & (place >= self.asked_from[:, None])
        return np.where(asked, _known(self.lines.item_index[place], vocabulary_size), PADDING).astype(np.int32)

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


def windows(purchases: Purchases, start: int, end: int) -> Windows:
    """All orders whose lines are start..end of the purchases, cut into windows, in the order of time."""
    opened = purchases.order_starts
    opened = opened[(opened >= start) & (opened < end)]
    size = np.diff(opened, append=end)
    n_windows = 1 + np.maximum(-(-(size - MAX_OPEN_LINES) // WINDOW_STEP), 0)
    order = np.repeat(np.arange(len(opened)), n_windows)
    number = np.arange(len(order)) - np.repeat(np.cumsum(n_windows) - n_windows, n_windows)
    user = purchases.user[opened[order]]
    order_start = _place_of(purchases, opened)[order]
    window_start = order_start + number * WINDOW_STEP
    window_end = np.minimum(window_start + MAX_OPEN_LINES, order_start + size[order])
    asked_from = window_start + np.where(number > 0, OVERLAP, 0)
    as_of = purchases.at[opened[order]]
    columns = (user, opened[order], order_start, window_start, asked_from, window_end, as_of)
    return Windows(purchases, visible_lines(purchases), *columns)


def asked_windows(moments: Moments, lines: LineColumns) -> AskedWindows:
    """The windows in which these moments lie; those of one order share one. `lines` are those of `visible_lines`."""
    _, opened, end = moments.spans
    n_open = end - opened
    number = np.maximum(-(-(n_open - MAX_OPEN_LINES + 1) // WINDOW_STEP), 0)
    key = np.stack([moments.user.astype(np.int64), moments.open_from, moments.as_of, number])
    _, first, row = np.unique(key, axis=1, return_index=True, return_inverse=True)
    row = row.reshape(-1)
    start = (opened + number * WINDOW_STEP)[first]
    column = n_open - (number * WINDOW_STEP)
    length = np.zeros(len(first), np.int64)
    np.maximum.at(length, row, column + 1)
    columns = (moments.user[first], moments.open_from[first], opened[first], start, start, start + length)
    return AskedWindows(Windows(moments.purchases, lines, *columns, moments.as_of[first]), row, column)


def _place_of(purchases: Purchases, line: Int64s) -> Int64s:
    """Where lines lie in the order of users: [n]."""
    _, first, rank = purchases.by_user
    return first[purchases.user[line]] + rank[line]


def _known(items: Int32s, vocabulary_size: int) -> Int32s:
    return np.where(items < vocabulary_size, items, UNKNOWN)
