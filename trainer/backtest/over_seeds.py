"""The same backtest with several seeds, told as one: what chance did to a single training counts for less in a mean."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from msgspec.structs import replace

from trainer.backtest.results import Backtest, Published, Row


def mean_of(runs: Sequence[Backtest]) -> Backtest:
    """One backtest of many: each figure is the mean of those runs that have it, and took the mean of their time.

    The questions are those of the first run, and so are curves and losses, of which a mean would say little. What
    failed in any run is told. An interval is the mean of the intervals: it says what other users would have changed,
    not what another seed would have.
    """
    first, *others = runs
    if not others:
        return first
    return replace(
        first,
        seeds=tuple(seed for run in runs for seed in run.seeds),
        seconds=sum(run.seconds for run in runs),
        rows=_means(row for run in runs for row in run.rows),
        published=_published(one for run in runs for one in run.published),
        failures=tuple(dict.fromkeys(failure for run in runs for failure in run.failures)),
    )


def _means(rows: Iterable[Row]) -> tuple[Row, ...]:
    """In the order in which the figures come first."""
    alike: dict[tuple[str, str, str, int | None], list[Row]] = defaultdict(list)
    for row in rows:
        alike[row.question, row.model, row.metric, row.k].append(row)
    return tuple(_mean(same) for same in alike.values())


def _published(figures: Iterable[Published]) -> tuple[Published, ...]:
    alike: dict[tuple[str, str, str], list[Published]] = defaultdict(list)
    for figure in figures:
        alike[figure.source, figure.model, figure.metric].append(figure)
    return tuple(replace(same[0], ours=float(np.mean([one.ours for one in same]))) for same in alike.values())


def _mean(rows: Sequence[Row]) -> Row:
    numbers = np.mean([(row.value, row.low, row.high, row.seconds) for row in rows], axis=0)
    value, low, high, seconds = map(float, numbers)
    return replace(rows[0], value=value, low=low, high=high, seconds=seconds)
