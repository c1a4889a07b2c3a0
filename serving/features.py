"""The model's inputs: plain columns of what was bought, once for training, backtest and serving.

A user's history is a run of bought lines, oldest first. The model sees at most its newest
SEQUENCE_LENGTH lines, left padded, as four arrays of one shape. Of orders before the newest one it sees all
lines or none, as the worker keeps them.

    item_index   what was bought              0 padding, 1 unknown to this model, items from 2
    days_ago     how long before the question 0 or more; 0 for padding
    orders_ago   in which order               1 the newest closed order, counting on; 0 the open order, and padding
    quantity     how many                     0 for padding

Everything else that a model looks at (counts, intervals, shares) it computes from these inside its graph, so
that there is no second place where it could be computed otherwise.
"""

from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
Float32s: TypeAlias = NDArray[np.float32]
ModelInputs: TypeAlias = dict[str, NDArray[Any]]

PADDING = 0
UNKNOWN = 1
FIRST_ITEM = 2
SEQUENCE_LENGTH = 512
"""Room for customers who buy every week. A graph reads no more columns than the longest history of its batch has
(trainer.export)."""
OPEN_ORDER = 0
DAY_S = 24 * 3600

INPUT_TYPES = {
    "item_index": np.dtype(np.int32),
    "days_ago": np.dtype(np.float32),
    "orders_ago": np.dtype(np.int32),
    "quantity": np.dtype(np.float32),
}


class LineColumns(NamedTuple):
    """Bought lines as columns of one length n; the lines of one user lie together, oldest first.

    `order` counts the user's orders upwards, one by one; lines that were bought together share their number.
    """

    item_index: Int32s
    bought_at: Int64s
    """Unix time, seconds."""
    order: Int32s
    quantity: Float32s

    def chosen(self, lines: slice) -> Self:
        """Some of the lines."""
        return type(self)(self.item_index[lines], self.bought_at[lines], self.order[lines], self.quantity[lines])


class Questions(NamedTuple):
    """B histories, and the moments from which they are looked at: [B] each."""

    starts: Int64s
    """Row b is the history `lines[starts[b]:ends[b]]`; rows may overlap, and an empty one is all padding."""
    ends: Int64s
    as_of: Int64s
    """Unix time, seconds."""
    open_from: Int64s
    """From which line on the history belongs to an order that is still open; `ends` where none is."""


def model_inputs(lines: LineColumns, asked: Questions) -> ModelInputs:
    """What the model sees of B histories: INPUT_TYPES, [B, SEQUENCE_LENGTH] each."""
    shape = (len(asked.starts), SEQUENCE_LENGTH)
    if not len(lines.item_index):
        return {name: np.zeros(shape, dtype) for name, dtype in INPUT_TYPES.items()}
    positions = asked.ends[:, None] + np.arange(-SEQUENCE_LENGTH, 0)
    present = positions >= asked.starts[:, None]
    positions[~present] = 0
    present &= ~_of_cut_order(lines.order, positions, asked)
    columns = (
        lines.item_index[positions],
        # What lies ahead of the question, because clocks differ, was just now.
        np.maximum(asked.as_of[:, None] - lines.bought_at[positions], 0) / DAY_S,
        _orders_ago(lines.order, positions, asked),
        lines.quantity[positions],
    )
    return {
        name: np.where(present, column, 0).astype(dtype)
        for (name, dtype), column in zip(INPUT_TYPES.items(), columns, strict=True)
    }


def _of_cut_order(order: Int32s, positions: Int64s, asked: Questions) -> NDArray[np.bool_]:
    """Lines of an order whose first lines no longer fit, unless it is the newest one: [B, SEQUENCE_LENGTH]."""
    oldest = positions[:, 0]
    is_cut = (asked.ends - asked.starts > SEQUENCE_LENGTH) & (order[oldest] == order[oldest - 1])
    is_cut &= order[oldest] != order[asked.ends - 1]
    cut: NDArray[np.bool_] = is_cut[:, None] & (order[positions] == order[oldest][:, None])
    return cut


def _orders_ago(order: Int32s, positions: Int64s, asked: Questions) -> Int32s:
    """Counted back from the order of the newest line, which stands last in its row."""
    has_open = asked.open_from < asked.ends
    ago: Int32s = order[positions[:, -1:]] - order[positions] + np.where(has_open, OPEN_ORDER, OPEN_ORDER + 1)[:, None]
    return ago
