"""Windows of open orders with everything that was known when each of their lines was put in, and batches of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from serving.features import Float32s, Int32s, Int64s
from trainer.next_purchase.facts import Ledger
from trainer.next_purchase.followers import FollowersByDay, followers_by_day
from trainer.next_purchase.line_heads import Trends
from trainer.next_purchase.line_network import Asked
from trainer.next_purchase.open_orders import Windows, windows
from trainer.next_purchase.runs import Run, previous_items
from trainer.purchases import Purchases

MAX_WINDOWS = 192
LENGTH_NOISE = 0.15
"""Windows of similar length share a batch; so much chance is in it that not always the same ones do."""


class TrendsByDay(NamedTuple):
    """What everybody bought lately, as it was at S times."""

    made_at: Int64s
    """Each table holds what had happened before this moment: [S]."""
    tables: Float32s
    """How popular each item was in several windows, as logarithms: [S, V, F]."""

    def at(self, as_of: Int64s) -> Trends:
        """The newest tables made at or before these moments, each once."""
        newest = np.maximum(np.searchsorted(self.made_at, as_of, side="right") - 1, 0)
        table, number = np.unique(newest, return_inverse=True)
        return Trends(self.tables[table], number.astype(np.int32))


@dataclass(frozen=True)
class LineExamples:
    """Each window is an example at every one of its lines."""

    windows: Windows
    trends: TrendsByDay
    followers: FollowersByDay
    vocabulary_size: int

    def __len__(self) -> int:
        return len(self.windows)

    def rows(self, chosen: slice | Int64s | NDArray[np.bool_]) -> Self:
        return type(self)(self.windows.rows(chosen), self.trends, self.followers, self.vocabulary_size)

    def batch(self) -> tuple[Asked, Int32s]:
        """What the model reads, and what came next at each position, PADDING where that is not asked."""
        windows, size = self.windows, self.vocabulary_size
        followers = self.followers.rows.at(self.followers.of_line[windows.line_numbers()])
        trends = self.trends.at(windows.as_of)
        return Asked(windows.closed(size), windows.open(size), followers, trends), windows.after(size)


def line_examples(past: Purchases, run: Run, most: int) -> LineExamples:
    """What at most so many lines of a past have to teach, the newest of all."""
    size = past.vocabulary_size
    ledger = Ledger(past, size)
    facts = ledger.facts()
    trends = TrendsByDay(facts.made_at, facts.tables[..., :-1])
    followers = followers_by_day(past, previous_items(past, run, size), size, ledger.day)
    return LineExamples(windows(past, run, max(len(past) - most, 0), len(past)), trends, followers, size)


def batches(length: Int64s, positions: int, random: np.random.Generator | None = None) -> list[Int64s]:
    """Numbers of windows that go together, of about `positions` cells; with `random`, differently each time."""
    noise = 0 if random is None else random.uniform(-LENGTH_NOISE, LENGTH_NOISE, len(length)) * length
    by_length = np.argsort(length + noise, kind="stable")
    parts = list(_cut(by_length, length, positions))
    return parts if random is None else [parts[number] for number in random.permutation(len(parts))]


def _cut(by_length: Int64s, length: Int64s, positions: int) -> Iterator[Int64s]:
    """Stretches of windows, of which the longest one says how many cells each takes."""
    start, longest = 0, 0
    for end, number in enumerate(by_length):
        longest = max(longest, int(length[number]))
        n = end + 1 - start
        if n > 1 and (n * longest > positions or n > MAX_WINDOWS):
            yield by_length[start:end]
            start, longest = end, int(length[number])
    if start < len(by_length):
        yield by_length[start:]
