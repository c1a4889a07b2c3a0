"""From the histories of a batch to the model's inputs, pure."""

from collections.abc import Sequence

import numpy as np

from serving.features import LineColumns, ModelInputs, Questions, model_inputs
from serving.vocabulary import Vocabulary
from streams.histories.history import History, Order


def inputs_of(histories: Sequence[History], vocabulary: Vocabulary, as_of: Sequence[int] | None = None) -> ModelInputs:
    """The model's inputs for a batch of users.

    Each is looked at from its newest order, or from `as_of` (unix time, seconds, one for each) where the
    list is made at another moment.
    """
    stops = np.cumsum([sum(len(order.item_ids) for order in past.orders) for past in histories], dtype=np.int64)
    newest = [_seconds(past.orders[-1]) if past.orders else 0 for past in histories]
    asked_at = np.array(newest if as_of is None else as_of, np.int64)
    starts = np.concatenate(([0], stops[:-1]))
    return model_inputs(lines_of(histories, vocabulary), Questions(starts, stops, asked_at, stops))


def lines_of(histories: Sequence[History], vocabulary: Vocabulary) -> LineColumns:
    """All bought lines, user after user, oldest first within each."""
    item_ids: list[str] = []
    quantities: list[float] = []
    times, sizes, numbers = [], [], []
    for past in histories:
        for number, order in enumerate(past.orders):
            item_ids += order.item_ids
            quantities += order.quantities
            times.append(_seconds(order))
            sizes.append(len(order.item_ids))
            numbers.append(number)
    return LineColumns(
        vocabulary.indexes(item_ids),
        np.repeat(np.array(times, np.int64), sizes),
        np.repeat(np.array(numbers, np.int32), sizes),
        np.array(quantities, np.float32),
    )


def _seconds(order: Order) -> int:
    return order.occurred_at // 1000
