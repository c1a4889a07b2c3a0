"""From whole histories, as serving.features makes them, to closed and open lines, inside the graph.

The windows are the same as those in which the model has learnt (trainer.next_purchase.open_orders), as far as the
history reaches back.
"""

from typing import NamedTuple

from keras import ops

from serving.features import OPEN_ORDER, PADDING
from trainer.next_purchase.open_orders import MAX_OPEN_LINES, MOST_LINES, WINDOW_STEP, OpenInputs
from trainer.next_purchase.runs import Run
from trainer.next_purchase.safe_inputs import safe
from trainer.next_purchase.tensors import Tensor

AGES = ("days_ago", "orders_ago")


class SplitHistories(NamedTuple):
    """B histories."""

    closed: dict[str, Tensor]
    """INPUT_TYPES, [B, L] each; what is open is padding here."""
    open: OpenInputs
    """[B, MAX_OPEN_LINES]"""
    newest: Tensor
    """Column after the newest open line: [B]"""


def split(inputs: dict[str, Tensor], run: Run, vocabulary_size: int) -> SplitHistories:
    """What is read line by line, and what was before."""
    lines = {name: values[:, -MOST_LINES:] for name, values in safe(inputs, vocabulary_size).items()}
    is_open = lines["item_index"] != PADDING
    if run is Run.ORDER:
        is_open = is_open & (lines["orders_ago"] == OPEN_ORDER)
    n_open, n_lines = ops.sum(ops.cast(is_open, "int32"), axis=1), ops.shape(is_open)[1]
    skipped = (ops.maximum(n_open - MAX_OPEN_LINES + 1, 0) + WINDOW_STEP - 1) // WINDOW_STEP * WINDOW_STEP
    first = n_lines - n_open + skipped
    if run is Run.USER:
        closed = _closed(_seen_from(lines, ops.minimum(first, n_lines - 1)), first)
        return SplitHistories(closed, _window(lines, first, ops.zeros_like(first)), n_open - skipped)
    return SplitHistories(_closed(lines, n_lines - n_open), _window(lines, first, skipped), n_open - skipped)


def _seen_from(lines: dict[str, Tensor], column: Tensor) -> dict[str, Tensor]:
    """Ages as they were when the line in a column [B] was bought."""
    then = {name: ops.take_along_axis(lines[name], column[:, None], axis=1) for name in AGES}
    return {**lines, **{name: ops.maximum(lines[name] - age, 0) for name, age in then.items()}}


def _closed(lines: dict[str, Tensor], first: Tensor) -> dict[str, Tensor]:
    """The lines before a column [B]."""
    is_closed = ops.arange(ops.shape(lines["item_index"])[1])[None] < first[:, None]
    return {name: ops.where(is_closed, values, ops.zeros_like(values)) for name, values in lines.items()}


def _window(lines: dict[str, Tensor], first: Tensor, skipped: Tensor) -> OpenInputs:
    """The lines from a column [B] on, leftmost."""
    n_lines = ops.shape(lines["item_index"])[1]
    column = ops.arange(MAX_OPEN_LINES)[None] + first[:, None]
    visible, column = column < n_lines, ops.minimum(column, n_lines - 1)
    item, quantity = (ops.take_along_axis(lines[name], column, axis=1) for name in ("item_index", "quantity"))
    return OpenInputs(ops.where(visible, item, PADDING), ops.where(visible, quantity, 0.0), skipped)
