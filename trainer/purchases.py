"""What a shop sold: every line that was bought, as columns, in the order in which it happened.

Items and users are numbered by their first purchase. So the items that were known before any position are
exactly those with the smallest numbers, FIRST_ITEM..n_known-1: a model that was fit on a past needs no other
numbering than everybody's, and what it has never seen lies above everything that it can answer.

An order happens at one moment, that of its first line; its lines lie together, in the order in which they
were put into it. Where a shop publishes single lines, each is an order of its own.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, Int32s, Int64s

Float32s: TypeAlias = NDArray[np.float32]


class ByUser(NamedTuple):
    """The lines in the order of users, each user's oldest first."""

    line: Int64s
    """Position of the line in the order of time: [n]."""
    first: Int64s
    """Where each user's lines begin, and at last n: [n_users + 1]."""
    rank: Int64s
    """For each line in the order of time: how many lines its user had bought before it: [n]."""


@dataclass(frozen=True)
class Purchases:
    """n bought lines, by time."""

    item_ids: tuple[str, ...]
    """The shop's own names; item_ids[i] has the index FIRST_ITEM + i."""
    user_ids: tuple[str, ...]
    user: Int32s
    """[n]"""
    item: Int32s
    """[n]; FIRST_ITEM or above."""
    at: Int64s
    """Unix time of the order, seconds; counts up by one per line where `is_timed` is False: [n]."""
    order: Int32s
    """Number of the order, never falling: [n]."""
    quantity: Float32s
    """[n]; 1 where the source does not say."""
    price: Float32s
    """Of one unit: [n]; not a number where the source does not say."""
    is_timed: bool = True
    """Whether `at` means anything beyond the order of events."""

    def __len__(self) -> int:
        return len(self.item)

    @property
    def vocabulary_size(self) -> int:
        """Values that an item index can take here, padding and unknown included."""
        return int(self.item.max(initial=FIRST_ITEM - 1)) + 1

    @property
    def n_items(self) -> int:
        return self.vocabulary_size - FIRST_ITEM

    @property
    def n_users(self) -> int:
        return len(self.user_ids)

    @cached_property
    def by_user(self) -> ByUser:
        line = np.argsort(self.user, kind="stable")
        first = np.searchsorted(self.user[line], np.arange(self.n_users + 1))
        rank = np.empty(len(line), np.int64)
        rank[line] = np.arange(len(line)) - first[self.user[line]]
        return ByUser(line, first, rank)

    @cached_property
    def user_and_line(self) -> Int64s:
        """User * n + line of the lines as they lie in `by_user`, ascending: [n]."""
        line, _, _ = self.by_user
        return self.user[line].astype(np.int64) * len(self) + line

    @cached_property
    def order_starts(self) -> Int64s:
        """Position of the first line of each order, in the order of time: [n_orders]."""
        return np.flatnonzero(np.diff(self.order, prepend=-1))

    @cached_property
    def user_order(self) -> Int64s:
        """For each line: how many orders its user had placed before the one that holds it: [n]."""
        line, first, _ = self.by_user
        # An order belongs to one user, so whoever's lines come next, their order is another one.
        started = np.append(np.cumsum(np.diff(self.order[line], prepend=-1) != 0), 0)
        rank = np.empty(len(line), np.int64)
        rank[line] = started[:-1] - started[first[self.user[line]]]
        return rank

    @cached_property
    def is_repeated(self) -> NDArray[np.bool_]:
        """For each line: whether its order held the item already: [n]."""
        joint = self.order.astype(np.int64) * self.vocabulary_size + self.item
        by_item = np.argsort(joint, kind="stable")
        repeated = np.empty(len(joint), np.bool_)
        repeated[by_item] = np.diff(joint[by_item], prepend=-1) == 0
        return repeated

    def position(self, at: float) -> int:
        """How many lines had been bought before this moment (unix time)."""
        return int(np.searchsorted(self.at, at))

    def before(self, position: int) -> Self:
        """The lines before a position: what was known then, and nothing else."""
        return self.chosen(slice(0, position))

    def chosen(self, lines: slice | NDArray[np.bool_]) -> Self:
        """Some of the lines; items and users keep their numbers, and those that come no more lose their names."""
        item, user = self.item[lines], self.user[lines]
        return type(self)(
            self.item_ids[: int(item.max(initial=FIRST_ITEM - 1)) + 1 - FIRST_ITEM],
            self.user_ids[: int(user.max(initial=-1)) + 1],
            user,
            item,
            self.at[lines],
            self.order[lines],
            self.quantity[lines],
            self.price[lines],
            self.is_timed,
        )


@dataclass(frozen=True)
class Moments:
    """n times the same question: what does this user buy next? With what was visible when it was asked."""

    purchases: Purchases
    """Holds what was visible, and may hold later lines: only those before `before` may be looked at."""
    user: Int32s
    """Number of the user; n_users or above: nobody who has ever bought: [n]."""
    before: Int64s
    """Lines of `purchases` before this position had been bought, by anybody: [n], never falling."""
    as_of: Int64s
    """Unix time of the question: [n]."""
    open_from: Int64s
    """Position from which on the user's lines belong to an order that is still open; `before` if none is: [n]."""

    def __len__(self) -> int:
        return len(self.user)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(
            self.purchases, self.user[chosen], self.before[chosen], self.as_of[chosen], self.open_from[chosen]
        )

    @cached_property
    def spans(self) -> tuple[Int64s, Int64s, Int64s]:
        """Each user's visible lines as a run of `purchases.by_user.line`: where it starts, where the open order
        begins in it, and where it ends: [n] each."""
        by_user = self.purchases.by_user
        known = self.user < self.purchases.n_users
        user = np.where(known, self.user, 0)
        start = by_user.first[user]
        bounds = (_bought_before(self.purchases, user, position) for position in (self.open_from, self.before))
        open_from, end = (np.where(known, start + n, start) for n in bounds)
        return start, open_from, end

    def history(self, row: int) -> Int64s:
        """Positions of the lines that one user had bought, oldest first, those of an open order included."""
        start, _, end = (int(bound[row]) for bound in self.spans)
        return self.purchases.by_user.line[start:end]

    @property
    def open_items(self) -> tuple[Int64s, Int32s]:
        """What lies in the open orders, as pairs of row and item: [m] each."""
        _, open_from, end = self.spans
        line = self.purchases.by_user.line[runs(open_from, end)]
        return np.repeat(np.arange(len(self)), end - open_from), self.purchases.item[line]

    def open_order(self, row: int) -> Int64s:
        """Positions of the lines that lie in the user's open order."""
        _, open_from, end = (int(bound[row]) for bound in self.spans)
        return self.purchases.by_user.line[open_from:end]


def _bought_before(purchases: Purchases, user: Int32s, position: Int64s) -> Int64s:
    """How many lines each user had bought before each position: [n]."""
    # Both are sorted by user, then by position, so one search in their joint numbers finds all.
    joint = user.astype(np.int64) * len(purchases) + position
    return np.searchsorted(purchases.user_and_line, joint) - purchases.by_user.first[user]


def runs(start: Int64s, end: Int64s) -> Int64s:
    """The numbers start[0]..end[0], start[1]..end[1] and so on, one after the other, ends left out."""
    length = end - start
    offset = start - np.append(0, np.cumsum(length)[:-1])
    return np.repeat(offset, length) + np.arange(length.sum())
