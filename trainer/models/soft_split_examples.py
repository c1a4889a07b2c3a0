"""Histories split at a date into what a network reads and what it is to give back (Amazon's soft split paper).

    lines before the date      ->  X   read, decayed by age; given back, decayed faster
    lines in the weeks after   ->  Y   given back in full

Ages are in days before the date of the split, or of the question.
"""

from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import Int32s, Int64s
from trainer.models.histories import Histories
from trainer.models.keras_training import Arrays
from trainer.models.user_vectors import newest_counts
from trainer.purchases import Float32s, Moments, Purchases, runs

DAY_S = 24 * 3600
DAYS_WITHOUT_TIMES = 365
"""How long a past counts whose lines have no times."""
BINS = 32
BIN_DAYS = 2 * 365 / BINS
NO_BIN = 0


class Lines(NamedTuple):
    """What users had bought: lines, each user's oldest first."""

    row: Int64s
    """Which user: [m]."""
    item: Int32s
    age: NDArray[np.float64]
    """Days."""

    @classmethod
    def of(cls, moments: Moments, vocabulary_size: int, day: float) -> Self:
        """What the users of the moments had bought of what a model knows; `day` is what `at` counts per day."""
        histories = Histories.of(moments, vocabulary_size)
        at = moments.purchases.at[histories.line]
        return cls(histories.row, histories.item, (moments.as_of[histories.row] - at) / day)


class Read(NamedTuple):
    """How a history is read."""

    decay: float
    """Days, where the decay is given."""
    is_learnt: bool = False
    """Whether the network learns the decay itself, and so reads date bins."""

    def inputs(self, lines: Lines, n_users: int, vocabulary_size: int, width: int = 1) -> Arrays:
        """What the network reads of the users' lines; `width` is the least to which date bins are padded."""
        if self.is_learnt:
            return bins(lines, n_users, width)
        weight = decayed(lines.age, self.decay)
        return {"vector": newest_counts(lines.row, lines.item, weight, (n_users, vocabulary_size))}


def decayed(age: NDArray[np.floating], decay: float) -> Float32s:
    """How much a purchase counts that is `age` days old: formula (5), 1 / (1 + age / decay), and nothing if it
    lies ahead.

    >>> decayed(np.array([0.0, 40.0, 120.0, -1.0]), decay=40).tolist()
    [1.0, 0.5, 0.25, 0.0]
    """
    weight = np.where(age >= 0, 1 / (1 + np.maximum(age, 0) / decay), 0.0)
    return weight.astype(np.float32)


def date_bin(age: NDArray[np.floating]) -> Int32s:
    """The bins 1..BINS of ages in days; what is older than two years lies in the last one.

    >>> date_bin(np.array([0.0, 22.0, 23.0, 729.0, 5_000.0])).tolist()
    [1, 1, 2, 32, 32]
    """
    number: Int32s = (1 + np.clip(age / BIN_DAYS, 0, BINS - 1)).astype(np.int32)
    return number


def bins(lines: Lines, n_users: int, width: int = 1) -> Arrays:
    """The items of each user with the date bins in which they were bought, each pair once, padded on the right to
    the longest, and to at least `width`: [n_users, L] each."""
    columns = np.stack([lines.row, lines.item, date_bin(lines.age)])
    row, item, bin_number = np.unique(columns, axis=1).astype(np.int64)
    place = np.arange(len(row)) - np.searchsorted(row, row)
    shape = (n_users, max(width, int(place.max(initial=0)) + 1))
    arrays = {"item": np.zeros(shape, np.int32), "bin": np.full(shape, NO_BIN, np.int32)}
    arrays["item"][row, place] = item
    arrays["bin"][row, place] = bin_number
    return arrays


def day_length(past: Purchases) -> float:
    """What `at` counts per day."""
    return DAY_S if past.is_timed else max(1.0, len(past) / DAYS_WITHOUT_TIMES)


class Splits:
    """Users at several dates, as far as they had bought before and bought in the weeks after.

    read: how X is read. output_decay: days, how fast the weight falls with which X is given back; None if it is
    not. n_splits dates, `days_after` apart, the last one that long before the end of the past.
    """

    def __init__(
        self, past: Purchases, read: Read, output_decay: float | None, n_splits: int, days_after: float
    ) -> None:
        self._past = past
        self._read = read
        self._output_decay = output_decay
        self._day = day_length(past)
        moments = _moments(past, n_splits, int(days_after * self._day))
        start, split, end = moments.spans
        both = (split > start) & (end > split)
        self._start, self._split, self._end = start[both], split[both], end[both]
        self.at = moments.as_of[both]
        # Keras wants batches of one shape.
        self._longest = int((self._split - self._start).max(initial=1))

    def batch(self, rows: Int64s) -> tuple[Arrays, Float32s]:
        history = self._lines(self._start[rows], self._split[rows], self.at[rows])
        after = self._lines(self._split[rows], self._end[rows], self.at[rows])
        inputs = self._read.inputs(history, len(rows), self._past.vocabulary_size, self._longest)
        return inputs, targets(history, after, self._output_decay, (len(rows), self._past.vocabulary_size))

    def _lines(self, start: Int64s, end: Int64s, as_of: Int64s) -> Lines:
        line = self._past.by_user.line[runs(start, end)]
        row = np.repeat(np.arange(len(start)), end - start)
        return Lines(row, self._past.item[line], (as_of[row] - self._past.at[line]) / self._day)


def targets(history: Lines, after: Lines, output_decay: float | None, shape: tuple[int, int]) -> Float32s:
    """How much it counts that an item is given back, and that it is not: [n, 2, V], formulas (8) and (9).

    An item of Y counts 1, one of X its decayed weight, one of both their sum; one of neither counts as not
    bought. Where X is not given back, everything outside of Y counts as not bought.
    """
    wanted = newest_counts(after.row, after.item, np.ones(len(after.row), np.float32), shape)
    unwanted = 1 - wanted
    if output_decay is not None:
        wanted += newest_counts(history.row, history.item, decayed(history.age, output_decay), shape)
        unwanted[history.row, history.item] = 0
    return np.stack([wanted, unwanted], axis=1)


def _moments(past: Purchases, n_splits: int, after: int) -> Moments:
    """Every user known by each date, oldest date first; the weeks after are what is "open" there."""
    end = int(past.at.max(initial=0)) + 1
    dates = [end - number * after for number in range(n_splits, 0, -1)]
    users = [np.unique(past.user[: past.position(date)]) for date in dates]
    n_users = [len(known) for known in users]
    return Moments(
        past,
        np.concatenate(users),
        np.repeat([past.position(date + after) for date in dates], n_users),
        np.repeat(np.array(dates, np.int64), n_users),
        np.repeat([past.position(date) for date in dates], n_users),
    )
