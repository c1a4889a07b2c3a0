"""What a network that reads a user's lines one by one is to say after each of them.

    grain of lines     the line that the same user bought next
    grain of orders    a line of the user's next order, drawn anew each time: the lines of an order have no order
                       among them that would tell which comes first

A place is a number within `past.by_user.line`.
"""

import numpy as np

from serving.features import Int64s
from trainer.models.model import Grain
from trainer.models.windows import NOWHERE, from_newest
from trainer.purchases import Purchases


class NextLines:
    """The lines of a past that somebody bought something after, in windows, cut from the newest on."""

    def __init__(self, past: Purchases, grain: Grain, length: int, seed: int) -> None:
        line, first, _ = past.by_user
        self._start, self._end = next_runs(past, grain)
        is_last = self._start == NOWHERE
        stop = first[1:] - np.bincount(past.user[line[is_last]], minlength=past.n_users)
        self._windows = from_newest(first[:-1], stop, length)
        self._random = np.random.default_rng(seed)
        self.at = past.at[line[self._start[self._windows[:, -1]]]]
        """Unix time of the newest line that each window is to say: [windows]."""

    def draw(self, rows: Int64s) -> tuple[Int64s, Int64s]:
        """Places to read, and for each a place to say; both padded on the left: [rows, length] each."""
        read = self._windows[rows]
        start, end = self._start[read], self._end[read]
        drawn = start + (self._random.random(read.shape) * (end - start)).astype(np.int64)
        return read, np.where(read == NOWHERE, NOWHERE, drawn)


def next_runs(past: Purchases, grain: Grain) -> tuple[Int64s, Int64s]:
    """The run of places that comes after each place, NOWHERE where its user bought nothing later: [n] each."""
    line = past.by_user.line
    order = past.order[line] if grain is Grain.ORDER else np.arange(len(line))
    # An order belongs to one user, so a new user always comes with a new order.
    is_first = np.diff(order, prepend=-1) != 0
    bounds = np.append(np.flatnonzero(is_first), [len(line), len(line)])
    number = np.cumsum(is_first) - 1
    start, end = bounds[number + 1], bounds[number + 2]
    user = np.append(past.user[line], -1)
    goes_on = user[start] == user[:-1]
    return np.where(goes_on, start, NOWHERE), np.where(goes_on, end, NOWHERE)
