"""Several seeds: their figures are averaged, and everything else is told once."""

import pytest
from msgspec.structs import replace

from tests.made_up_backtest import BACKTEST, POPULARITY, RANK
from trainer.backtest.over_seeds import mean_of
from trainer.backtest.results import Failure

SHIFT = 0.02
WITHOUT_POPULARITY = tuple(row for row in BACKTEST.rows if row.model != POPULARITY)
AGAIN = replace(
    BACKTEST,
    seeds=(8,),
    seconds=9.0,
    rows=tuple(replace(row, value=row.value + SHIFT, seconds=row.seconds + 1) for row in WITHOUT_POPULARITY),
    failures=(*BACKTEST.failures, Failure(RANK.name, POPULARITY, "by bad luck")),
    published=(replace(BACKTEST.published[0], ours=BACKTEST.published[0].ours + SHIFT),),
)
MEAN = mean_of([BACKTEST, AGAIN])


def test_a_figure_is_the_mean_of_those_runs_that_have_it() -> None:
    for before, after in zip(BACKTEST.rows, MEAN.rows, strict=True):
        is_in_both = before.model != POPULARITY
        assert after.value == pytest.approx(before.value + (SHIFT / 2 if is_in_both else 0))
        assert after.seconds == before.seconds + (0.5 if is_in_both else 0)


def test_published_figures_stand_beside_the_mean() -> None:
    assert [one.ours for one in MEAN.published] == pytest.approx(
        [BACKTEST.published[0].ours + SHIFT / 2, BACKTEST.published[1].ours]
    )


def test_seeds_and_time_are_those_of_all_runs_and_each_failure_is_told_once() -> None:
    assert MEAN.seeds == (7, 8)
    assert MEAN.seconds == BACKTEST.seconds + 9
    assert MEAN.failures == AGAIN.failures


def test_one_run_is_told_as_it_is() -> None:
    assert mean_of([BACKTEST]) is BACKTEST
