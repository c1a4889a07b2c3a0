"""From bought lines to what the model learns: a user's lines up to an order, and the order that came next.

There is one example per order, from a user's second order on. It is looked at from the moment of the
order before, which is when the list is made in the stream; so nothing of the next order, not even how
long it kept us waiting, is known. For the metrics the newest days are held out: the examples before
them are learnt from, those within are predicted, each from everything that its user had bought before.
"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import PADDING, Int32s, Int64s, ModelInputs, model_inputs
from trainer.purchase_history import PurchaseHistory

MAX_TARGETS = 128
"""Most different items of one order that the model is asked for; a larger order's others are left out."""
DAY_S = 24 * 3600


@dataclass(frozen=True)
class Examples:
    """n examples: runs of the history's lines to see, and the items to predict."""

    history: PurchaseHistory
    starts: Int64s
    ends: Int64s
    as_of: Int64s
    """Unix time of the order before: what the recency buckets are counted from."""
    bought_at: Int64s
    """Unix time of the order to predict."""
    targets: Int32s
    """Different items of the order to predict, padded on the right: [n, MAX_TARGETS]."""

    def __len__(self) -> int:
        return len(self.starts)

    def rows(self, chosen: NDArray[np.bool_] | Int64s | slice) -> Self:
        """Some of the examples, by mask, numbers or slice."""
        return type(self)(
            self.history,
            self.starts[chosen],
            self.ends[chosen],
            self.as_of[chosen],
            self.bought_at[chosen],
            self.targets[chosen],
        )

    def inputs(self) -> ModelInputs:
        """What the model sees of each example: [n, SEQUENCE_LENGTH] each."""
        return model_inputs(self.history.lines, self.starts, self.ends, self.as_of)


class Split(NamedTuple):
    """All examples, those before a moment and those from it on."""

    all: Examples
    learn: Examples
    held_out: Examples
    at: int
    """The moment, unix time."""


class _Orders(NamedTuple):
    """All orders as runs of lines, in the order of the lines."""

    first_line: Int64s
    of_line: Int64s
    """Number of the order that a line belongs to."""
    user: Int32s


def examples(history: PurchaseHistory) -> Examples:
    """One example per order, from a user's second order on."""
    orders = _orders(history)
    user_start = orders.first_line[np.searchsorted(orders.user, orders.user)]
    later = np.flatnonzero(orders.user[1:] == orders.user[:-1]) + 1
    ends = orders.first_line[later]
    bought_at = history.lines.bought_at
    return Examples(
        history, user_start[later], ends, bought_at[ends - 1], bought_at[ends], _targets(history, orders)[later]
    )


def split_by_time(all_examples: Examples, holdout_days: float) -> Split:
    """Hold out the newest days; of a short log, at most its newest quarter."""
    bought_at = all_examples.history.lines.bought_at
    first, last = int(bought_at.min()), int(bought_at.max())
    at = int(last - min(holdout_days * DAY_S, (last - first) / 4))
    before = all_examples.bought_at < at
    return Split(all_examples, all_examples.rows(before), all_examples.rows(~before), at)


def _orders(history: PurchaseHistory) -> _Orders:
    user, order = history.user, history.lines.order
    begins = np.ones(len(user), np.bool_)
    begins[1:] = (user[1:] != user[:-1]) | (order[1:] != order[:-1])
    first_line = np.flatnonzero(begins)
    return _Orders(first_line, np.cumsum(begins) - 1, user[first_line])


def _targets(history: PurchaseHistory, orders: _Orders) -> Int32s:
    """The different items of every order: [orders, MAX_TARGETS]."""
    size = history.vocabulary.size
    order, item = np.divmod(np.unique(orders.of_line * size + history.lines.item_index), size)
    place = np.arange(len(order)) - np.searchsorted(order, order)
    fits = place < MAX_TARGETS
    targets = np.full((len(orders.first_line), MAX_TARGETS), PADDING, np.int32)
    targets[order[fits], place[fits]] = item[fits]
    return targets
