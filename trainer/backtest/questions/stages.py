"""The stream's clock: stretches of time after which rankers may learn from what has happened."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from serving.features import Int64s
from trainer.backtest.held_out import DAY_S
from trainer.purchases import Purchases

STAGES_WITHOUT_TIMES = 31
"""Where a day means nothing, this is how often rankers may learn on the way."""


def stages(purchases: Purchases, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The lines start..end cut at midnight (UTC); without times, into equal parts. No order is ever cut."""
    bounds = _midnights(purchases, start, end) if purchases.is_timed else _parts(purchases, start, end)
    yield from pairwise(np.unique(np.concatenate([[start], bounds, [end]])).tolist())


def _midnights(purchases: Purchases, start: int, end: int) -> Int64s:
    day = purchases.at[start:end] // DAY_S
    return start + 1 + np.flatnonzero(np.diff(day))


def _parts(purchases: Purchases, start: int, end: int) -> Int64s:
    starts = purchases.order_starts
    wanted = np.linspace(start, end, STAGES_WITHOUT_TIMES + 1)[1:-1]
    at = starts[np.minimum(np.searchsorted(starts, wanted), len(starts) - 1)]
    return at[(at > start) & (at < end)]
