"""From the lines of a source, in whatever order they lie there, to `Purchases`.

Lines are put in the order of time; where two happened at one moment, the one that the source names first is
first. An order happens at the moment of its earliest line, and all its lines lie there together. Orders, users
and items are then numbered as they come up.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from serving.features import FIRST_ITEM, Int64s
from trainer.purchases import Purchases

Bools: TypeAlias = NDArray[np.bool_]
Float64s: TypeAlias = NDArray[np.float64]
Numbers: TypeAlias = NDArray[np.floating[Any]]

MICROSECONDS = 1_000_000


class Ids(NamedTuple):
    """One id of the shop for each line: texts[code]."""

    code: Int64s
    """[n]"""
    texts: Sequence[str]


class SourceLines(NamedTuple):
    """n bought lines, in the order of the source."""

    user: Ids
    item: Ids
    at: Int64s | None
    """Unix time, microseconds: [n]. None where the order of the lines is all that is known."""
    order: Int64s | None
    """Lines of one user with the same number are one order: [n]. None: those of one moment are one order, and
    without times every line is an order of its own."""
    quantity: Numbers
    price: Numbers

    def chosen(self, rows: Bools) -> Self:
        """Some of the lines, in the same order."""
        return self._replace(
            user=Ids(self.user.code[rows], self.user.texts),
            item=Ids(self.item.code[rows], self.item.texts),
            at=None if self.at is None else self.at[rows],
            order=None if self.order is None else self.order[rows],
            quantity=self.quantity[rows],
            price=self.price[rows],
        )


def numbered(lines: SourceLines) -> Purchases:
    """The same lines as `Purchases` has them."""
    sequence, order = in_time(lines)
    user, users = by_first_appearance(lines.user.code[sequence])
    item, items = by_first_appearance(lines.item.code[sequence])
    return Purchases(
        tuple(lines.item.texts[code] for code in items),
        tuple(lines.user.texts[code] for code in users),
        user.astype(np.int32),
        (item + FIRST_ITEM).astype(np.int32),
        np.arange(len(sequence)) if lines.at is None else _times_of_orders(lines.at[sequence], order),
        order.astype(np.int32),
        lines.quantity[sequence].astype(np.float32),
        lines.price[sequence].astype(np.float32),
        is_timed=lines.at is not None,
    )


def in_time(lines: SourceLines) -> tuple[Int64s, Int64s]:
    """The lines in the order of `Purchases`, as positions in the source, and the number of each one's order."""
    by_time = np.arange(len(lines.user.code)) if lines.at is None else np.argsort(lines.at, kind="stable")
    number, _ = by_first_appearance(_orders(lines)[by_time])
    together = np.argsort(number, kind="stable")
    return by_time[together], number[together]


def by_first_appearance(codes: Int64s) -> tuple[Int64s, Int64s]:
    """Numbers from 0 on in the order in which the codes come up: [n], and the code that each number stands for.

    >>> by_first_appearance(np.array([7, 3, 7, 5]))
    (array([0, 1, 0, 2]), array([7, 3, 5]))
    """
    distinct, first, position = np.unique(codes, return_index=True, return_inverse=True)
    by_first = np.argsort(first)
    number = np.empty_like(by_first)
    number[by_first] = np.arange(len(distinct))
    return number[position], distinct[by_first]


def _orders(lines: SourceLines) -> Int64s:
    """Which lines are one order, by any number: [n]."""
    n = len(lines.user.code)
    of_user = lines.at if lines.order is None else lines.order
    if of_user is None:
        return np.arange(n)
    codes, position = np.unique(of_user, return_inverse=True)
    return lines.user.code * len(codes) + position


def _times_of_orders(at: Int64s, order: Int64s) -> Int64s:
    """For each line the unix time of its order's first line, whole seconds: [n]."""
    return (at[np.searchsorted(order, order)]) // MICROSECONDS
