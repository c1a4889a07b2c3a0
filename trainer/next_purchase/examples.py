"""What the model learns from: each order, seen from what its user had bought before."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from serving.features import (
    DAY_S,
    PADDING,
    UNKNOWN,
    Float32s,
    Int32s,
    Int64s,
    LineColumns,
    ModelInputs,
    Questions,
    model_inputs,
)
from trainer.purchases import Moments, Purchases, runs

MAX_TARGETS = 128
"""Most different items of one order that the model is asked for; a larger order's others are left out."""
HALF_LIFE = 1 / 3
"""An example that is older than the newest by this share of the time that all span counts half as much."""
_UNTIMED_GAP_S = 7 * DAY_S
"""Where nothing is known of times, an order comes so long after the one before."""


@dataclass(frozen=True)
class Examples:
    """n examples: a moment, and the order to predict, which begins with the line there."""

    moments: Moments
    """Asked on the visit: `as_of` is the time of the order to predict."""
    after: Int64s
    """Unix time of the user's order before, right after which the question can be asked as well: [n]."""

    def __len__(self) -> int:
        return len(self.moments)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(self.moments.rows(chosen), self.after[chosen])

    def newest(self, most: int) -> Self:
        """At most so many, the newest of all."""
        return self.rows(slice(max(0, len(self) - most), None))

    @property
    def targets(self) -> Int32s:
        """Different items of each order, padded on the right: [n, MAX_TARGETS]. Made when they are asked for, since
        those of a whole shop would take more room than all of its lines."""
        return _targets(self.moments.purchases, self.moments.before)

    @property
    def weights(self) -> Float32s:
        """How much each counts, 1 on average: what a shop sold lately says more about what it will sell: [n]."""
        if not len(self):
            return np.empty(0, np.float32)
        at = self.moments.as_of
        newest, oldest = int(at.max()), int(at.min())
        halvings = (newest - at) / (HALF_LIFE * max(newest - oldest, 1))
        weights: Float32s = np.exp2(-halvings).astype(np.float32)
        weights /= weights.mean()
        return weights

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
    return Examples(Moments(purchases, user, start, purchases.at[start], start), purchases.at[before])


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


def _targets(purchases: Purchases, first: Int64s) -> Int32s:
    """The different items of the orders that begin with these lines: [n, MAX_TARGETS]."""
    bounds, size = np.append(purchases.order_starts, len(purchases)), purchases.vocabulary_size
    end = bounds[np.searchsorted(bounds, first, side="right")]
    row = np.repeat(np.arange(len(first)), end - first)
    row, item = np.divmod(np.unique(row * size + purchases.item[runs(first, end)]), size)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    fits = place < MAX_TARGETS
    targets = np.full((len(first), MAX_TARGETS), PADDING, np.int32)
    targets[row[fits], place[fits]] = item[fits]
    return targets
