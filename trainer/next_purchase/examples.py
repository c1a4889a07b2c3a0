"""What the model learns from: each order, seen from what its user had bought before."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from serving.features import DAY_S, PADDING, UNKNOWN, Int32s, Int64s, LineColumns, ModelInputs, Questions, model_inputs
from trainer.purchases import Moments, Purchases

MAX_TARGETS = 128
"""Most different items of one order that the model is asked for; a larger order's others are left out."""
_UNTIMED_GAP_S = 7 * DAY_S
"""Where nothing is known of times, an order comes so long after the one before."""


@dataclass(frozen=True)
class Examples:
    """n examples: a moment, and the items of the order to predict."""

    moments: Moments
    """Asked on the visit: `as_of` is the time of the order to predict."""
    after: Int64s
    """Unix time of the user's order before, right after which the question can be asked as well: [n]."""
    targets: Int32s
    """Different items of the order, padded on the right: [n, MAX_TARGETS]."""

    def __len__(self) -> int:
        return len(self.moments)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(self.moments.rows(chosen), self.after[chosen], self.targets[chosen])

    def asked(self, away: NDArray[np.float64]) -> Moments:
        """The same questions after a share of the time between the two orders: 0 right after, 1 on the visit."""
        as_of = self.after + np.round(away * (self.moments.as_of - self.after)).astype(np.int64)
        moments = self.moments
        return Moments(moments.purchases, moments.user, moments.before, as_of, moments.open_from)


def order_examples(purchases: Purchases) -> Examples:
    """One example per order, from a user's second order on, in the order of time."""
    starts = purchases.order_starts
    line, first, rank = purchases.by_user
    later = np.flatnonzero(rank[starts] > 0)
    start = starts[later]
    user = purchases.user[start]
    before = line[first[user] + rank[start] - 1]
    return Examples(
        Moments(purchases, user, start, purchases.at[start], start), purchases.at[before], _targets(purchases)[later]
    )


def visible_lines(purchases: Purchases) -> LineColumns:
    """The lines in the order of users, as the features take them."""
    line = purchases.by_user.line
    user, order = purchases.user[line], purchases.order[line]
    begins = np.ones(len(line), np.bool_)
    begins[1:] = (user[1:] != user[:-1]) | (order[1:] != order[:-1])
    number = np.cumsum(begins).astype(np.int32)
    at = purchases.at[line] if purchases.is_timed else number.astype(np.int64) * _UNTIMED_GAP_S
    return LineColumns(purchases.item[line], at, number, purchases.quantity[line])


def inputs_of(lines: LineColumns, moments: Moments, vocabulary_size: int) -> ModelInputs:
    """The model's inputs at these moments; `lines` are those of `visible_lines`."""
    starts, open_from, ends = moments.spans
    as_of = moments.as_of
    if not moments.purchases.is_timed:
        as_of = lines.bought_at[np.maximum(ends - 1, 0)] + _UNTIMED_GAP_S
    inputs = model_inputs(lines, Questions(starts, ends, as_of, open_from))
    # An item that the model was not fit on is as unknown to it as it would be to a vocabulary.
    inputs["item_index"] = np.where(inputs["item_index"] < vocabulary_size, inputs["item_index"], UNKNOWN)
    return inputs


def _targets(purchases: Purchases) -> Int32s:
    """The different items of every order: [orders, MAX_TARGETS]."""
    starts, size = purchases.order_starts, purchases.vocabulary_size
    of_line = np.cumsum(np.diff(purchases.order, prepend=-1) != 0) - 1
    order, item = np.divmod(np.unique(of_line * size + purchases.item), size)
    place = np.arange(len(order)) - np.searchsorted(order, order)
    fits = place < MAX_TARGETS
    targets = np.full((len(starts), MAX_TARGETS), PADDING, np.int32)
    targets[order[fits], place[fits]] = item[fits]
    return targets
