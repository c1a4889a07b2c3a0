"""Sequences of one length, as recurrent networks read them, cut from longer runs of lines.

A place is a number within an order of lines (`Purchases.by_user.line`, say); NOWHERE stands where a sequence is
padded.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from serving.features import PADDING, UNKNOWN, Int32s, Int64s
from trainer.purchases import runs

T = TypeVar("T", bound=np.generic)

NOWHERE = -1


def newest(start: Int64s, end: Int64s, length: int) -> Int64s:
    """The newest places of each run start..end, left padded: [n, length].

    >>> newest(np.array([3, 9]), np.array([8, 10]), 3)
    array([[ 5,  6,  7],
           [-1, -1,  9]])
    """
    places = end[:, None] + np.arange(-length, 0)
    return np.where(places >= start[:, None], places, NOWHERE)


def from_newest(start: Int64s, end: Int64s, length: int) -> Int64s:
    """Every place of each run in just one window; a run's oldest window is the one that is left padded:
    [windows, length].

    >>> from_newest(np.array([3]), np.array([8]), 3)
    array([[ 5,  6,  7],
           [-1,  3,  4]])
    """
    run, number = _numbered(end - start, length)
    return newest(start[run], end[run] - number * length, length)


def from_oldest(start: Int64s, end: Int64s, length: int) -> Int64s:
    """Every place of each run in just one window; a run's newest window is the one that is padded, on its
    right: [windows, length].

    >>> from_oldest(np.array([3]), np.array([8]), 3)
    array([[ 3,  4,  5],
           [ 6,  7, -1]])
    """
    run, number = _numbered(end - start, length)
    places = (start[run] + number * length)[:, None] + np.arange(length)
    return np.where(places < end[run][:, None], places, NOWHERE)


def looked_up(values: NDArray[T], places: Int64s) -> NDArray[T]:
    """The values at the places, PADDING where there is none: shape of `places`."""
    found = np.full(places.shape, PADDING, values.dtype)
    is_somewhere = places != NOWHERE
    found[is_somewhere] = values[places[is_somewhere]]
    return found


def known(item: Int32s, vocabulary_size: int, otherwise: int = UNKNOWN) -> Int32s:
    """The items, `otherwise` where the model has never seen them."""
    return np.where(item < vocabulary_size, item, otherwise).astype(np.int32)


def _numbered(lengths: Int64s, length: int) -> tuple[Int64s, Int64s]:
    """For every window: of which run it is, and its number within the run."""
    n_windows = -(-lengths // length)
    return np.repeat(np.arange(len(lengths)), n_windows), runs(np.zeros_like(n_windows), n_windows)
