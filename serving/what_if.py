"""Questions about histories that nobody has: bought together with one item, and the orders after the next.

Both ask a model as any list is asked for, with inputs that are made up; who answers (an ONNX session, a
Triton server, a model in the trainer) is the caller's business.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from serving.candidates import Candidates
from serving.features import DAY_S, Int32s, LineColumns, ModelInputs, Questions, model_inputs

Answer: TypeAlias = Callable[[ModelInputs], Candidates]

USUAL_INTERVAL_S = 28 * DAY_S
"""Between two orders, where a history is too short to tell."""


def bought_together(answer: Answer, items: Int32s) -> Candidates:
    """What goes with each of B items (item_index, [B]): the answer for somebody who has just bought that one."""
    rows = np.arange(len(items), dtype=np.int64)
    nothing = np.zeros(len(items), np.int64)
    lines = LineColumns(items, nothing, np.zeros(len(items), np.int32), np.ones(len(items), np.float32))
    return answer(model_inputs(lines, Questions(rows, rows + 1, nothing, rows + 1)))


def next_orders(answer: Answer, history: LineColumns, n_orders: int, size: int) -> list[Int32s]:
    """One user's next orders, step by step: each is the list of `size` items that the model gives when all
    orders before it have come true, one usual interval apart. item_index, [size] each."""
    interval = usual_interval(history)
    orders: list[Int32s] = []
    for _ in range(n_orders):
        as_of = int(history.bought_at[-1]) + interval
        items = answer(_one_history(history, as_of)).item_index[0, :size]
        orders.append(items)
        history = _with_order(history, items, as_of)
    return orders


def usual_interval(history: LineColumns) -> int:
    """Mean time between one user's orders, seconds."""
    n_intervals = int(history.order[-1] - history.order[0])
    if not n_intervals:
        return USUAL_INTERVAL_S
    return int(history.bought_at[-1] - history.bought_at[0]) // n_intervals


def _one_history(lines: LineColumns, as_of: int) -> ModelInputs:
    start, end = np.array([0]), np.array([len(lines.item_index)])
    return model_inputs(lines, Questions(start, end, np.array([as_of]), end))


def _with_order(history: LineColumns, items: Int32s, at: int) -> LineColumns:
    n = len(items)
    return LineColumns(
        np.append(history.item_index, items),
        np.append(history.bought_at, np.full(n, at)),
        np.append(history.order, np.full(n, history.order[-1] + 1, np.int32)),
        np.append(history.quantity, np.ones(n, np.float32)),
    )
