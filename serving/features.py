"""The model's inputs: padding, recency buckets and order numbers, once for training and serving.

A user's history is a run of bought lines, oldest first. The model sees at most its newest
SEQUENCE_LENGTH lines, left padded, as three arrays of one shape:

    item_index       what was bought       0 padding, 1 unknown to this model, items from 2
    recency_bucket   how long ago          0 padding, 1 (just now) .. RECENCY_BUCKETS (a year or more)
    orders_ago       in which order        0 padding, 1 (newest order) .. MAX_ORDERS_AGO (that many or more)
"""

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
ModelInputs: TypeAlias = dict[str, Int32s]

PADDING = 0
UNKNOWN = 1
FIRST_ITEM = 2
SEQUENCE_LENGTH = 256
RECENCY_BUCKETS = 100
RECENCY_DAYS = 365
MAX_ORDERS_AGO = 16

INPUT_NAMES = ("item_index", "recency_bucket", "orders_ago")

_BUCKET_SECONDS = RECENCY_DAYS * 24 * 3600 / RECENCY_BUCKETS


class LineColumns(NamedTuple):
    """Bought lines as columns of one length n; the lines of one user lie together, oldest first.

    `order` counts the user's orders upwards; lines that were bought together share their number.
    """

    item_index: Int32s
    bought_at: Int64s
    """Unix time, seconds."""
    order: Int32s


def model_inputs(lines: LineColumns, starts: Int64s, ends: Int64s, as_of: Int64s) -> ModelInputs:
    """What the model sees of B histories: INPUT_NAMES to int32 arrays [B, SEQUENCE_LENGTH].

    Row b is the history `lines[starts[b]:ends[b]]` as it looks at `as_of[b]` (unix time, seconds).
    Rows may overlap, and an empty one is all padding.
    """
    shape = (len(starts), SEQUENCE_LENGTH)
    if not len(lines.item_index):
        return {name: np.zeros(shape, np.int32) for name in INPUT_NAMES}
    positions = ends[:, None] + np.arange(-SEQUENCE_LENGTH, 0)
    present = positions >= starts[:, None]
    positions[~present] = 0
    columns = (
        lines.item_index[positions],
        recency_buckets(as_of[:, None] - lines.bought_at[positions]),
        _orders_ago(lines.order[positions]),
    )
    return {name: np.where(present, column, PADDING) for name, column in zip(INPUT_NAMES, columns, strict=True)}


def recency_buckets(age: Int64s) -> Int32s:
    """Seconds since the purchase as buckets 1..RECENCY_BUCKETS; a purchase that lies ahead was just now."""
    return (1 + np.clip(age / _BUCKET_SECONDS, 0, RECENCY_BUCKETS - 1)).astype(np.int32)


def _orders_ago(order: Int32s) -> Int32s:
    """Counted back from the order of the newest line, which stands last in its row."""
    ago: Int32s = np.clip(order[:, -1:] - order + 1, 1, MAX_ORDERS_AGO)
    return ago
