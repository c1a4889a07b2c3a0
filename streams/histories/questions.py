"""From the histories of a batch to the model's inputs, pure."""

from collections.abc import Sequence

import numpy as np

from serving.features import LineColumns, ModelInputs, Questions, model_inputs
from serving.vocabulary import Vocabulary
from streams.histories.history import History


def inputs_of(histories: Sequence[History], vocabulary: Vocabulary, as_of: Sequence[int] | None = None) -> ModelInputs:
    """The model's inputs for a batch of users.

    Each is looked at from its newest order, or from `as_of` (unix time, seconds, one for each) where the
    list is made at another moment.
    """
    item_ids: list[str] = []
    quantities: list[float] = []
    times, sizes, numbers, ends, newest = [], [], [], [], []
    for past in histories:
        for number, order in enumerate(past.orders):
            item_ids += order.item_ids
            quantities += order.quantities
            times.append(order.occurred_at // 1000)
            sizes.append(len(order.item_ids))
            numbers.append(number)
        ends.append(len(item_ids))
        newest.append(times[-1] if past.orders else 0)
    lines = LineColumns(
        vocabulary.indexes(item_ids),
        np.repeat(np.array(times, np.int64), sizes),
        np.repeat(np.array(numbers, np.int32), sizes),
        np.array(quantities, np.float32),
    )
    stops = np.array(ends, np.int64)
    asked_at = np.array(newest if as_of is None else as_of, np.int64)
    return model_inputs(lines, Questions(np.concatenate(([0], stops[:-1])), stops, asked_at, stops))
