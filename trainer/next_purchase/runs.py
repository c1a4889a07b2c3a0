"""Which lines are read as one run: those of an order or, in a shop whose orders are single lines, those of a user.

A run is what goes on line by line. Where events are orders of several lines, what was put in before decides
about the next line more than what was bought last week, and a run ends with its order. Where each line is an
order of its own, there would be nothing to go on from, so a user's whole history is one run.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from serving.features import PADDING, UNKNOWN, Int32s
from trainer.purchases import Purchases

LINES_PER_ORDER = 1.5
"""From so many on, on average, an order counts as something that goes on."""


class Run(StrEnum):
    """What is read as one."""

    ORDER = "order"
    USER = "user"


def run_of(purchases: Purchases) -> Run:
    """What suits a shop."""
    return Run.ORDER if len(purchases) >= LINES_PER_ORDER * len(purchases.order_starts) else Run.USER


def begins(purchases: Purchases, run: Run) -> NDArray[np.bool_]:
    """Whether a run begins with each line, in the order of users: [n]."""
    line = purchases.by_user.line
    column = purchases.user if run is Run.USER else purchases.order
    first: NDArray[np.bool_] = np.diff(column[line], prepend=-1) != 0
    return first


def previous_items(purchases: Purchases, run: Run, vocabulary_size: int) -> Int32s:
    """What comes right before each line in its run; PADDING where the line opens it: [n], in the order of time."""
    line = purchases.by_user.line
    item = known_items(purchases.item, vocabulary_size)[line]
    previous = np.empty(len(item), np.int32)
    previous[line] = np.where(begins(purchases, run), PADDING, np.roll(item, 1))
    return previous


def known_items(item: Int32s, vocabulary_size: int) -> Int32s:
    """The same items, but UNKNOWN for those above the vocabulary."""
    return np.where(item < vocabulary_size, item, UNKNOWN).astype(np.int32)
