"""Purchases of a handful of lines, written down by hand."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from serving.features import FIRST_ITEM
from trainer.purchases import Moments, Purchases

DAY = 24 * 3600
A, B, C, D = FIRST_ITEM, FIRST_ITEM + 1, FIRST_ITEM + 2, FIRST_ITEM + 3


class Order(NamedTuple):
    """What one user bought on one day; users and items are numbered by their first purchase."""

    user: int
    day: int
    items: tuple[int, ...]


def purchases(*orders: Order) -> Purchases:
    """The lines of these orders, which lie in the order of time."""
    sizes = [len(order.items) for order in orders]

    def column(values: Sequence[int]) -> np.ndarray:
        return np.repeat(np.array(values), sizes)

    item = np.array([item for order in orders for item in order.items], np.int32)
    user = column([order.user for order in orders]).astype(np.int32)
    return Purchases(
        tuple("ABCDEFGH"[: int(item.max()) + 1 - FIRST_ITEM]),
        tuple(f"user-{number}" for number in range(int(user.max()) + 1)),
        user,
        item,
        column([order.day * DAY for order in orders]).astype(np.int64),
        column(range(len(orders))).astype(np.int32),
        np.ones(len(item), np.float32),
        np.full(len(item), np.nan, np.float32),
    )


def now(past: Purchases, *users: int, n_open: int = 0) -> Moments:
    """Each user asks when everything has happened; the last lines may lie in an order that is still open."""
    n = len(users)
    end = np.full(n, len(past), np.int64)
    return Moments(past, np.array(users, np.int32), end, np.full(n, past.at[-1]), end - n_open)
