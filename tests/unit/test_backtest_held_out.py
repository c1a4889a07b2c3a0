"""Where past and future part when nobody says."""

from datetime import UTC, datetime

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from trainer.backtest.held_out import DAY_S, hold_out
from trainer.errors import NotEnoughData
from trainer.purchases import Purchases


def lines_at(at: np.ndarray, *, is_timed: bool = True) -> Purchases:
    n = len(at)
    ones = np.ones(n, np.float32)
    zeros = np.zeros(n, np.int32)
    return Purchases(("a",), ("u",), zeros, zeros + FIRST_ITEM, at, np.arange(n, dtype=np.int32), ones, ones, is_timed)


def day(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def hourly(first: str, last: str) -> Purchases:
    return lines_at(np.arange(day(first), day(last) + 1, 3600))


def test_of_a_year_the_month_before_the_last_is_asked_about() -> None:
    held_out = hold_out(hourly("2010-12-01T08:00", "2011-12-09T12:00"))
    assert (held_out.split_at, held_out.until) == (day("2011-10-09"), day("2011-11-09"))


def test_of_less_than_a_year_whole_days_up_to_a_twelfth_are_asked_about() -> None:
    held_out = hold_out(hourly("2011-01-01T00:00", "2011-03-01T11:00"))
    assert (held_out.split_at, held_out.until) == (day("2011-02-22"), day("2011-02-26"))


def test_of_some_days_a_twelfth_of_their_time_is_asked_about() -> None:
    held_out = hold_out(hourly("2011-01-01T00:00", "2011-01-05T23:00"))
    assert held_out.until - held_out.split_at == pytest.approx(5 * DAY_S / 12, rel=0.01)


def test_without_times_a_twelfth_of_the_lines_is_asked_about() -> None:
    held_out = hold_out(lines_at(np.arange(1200), is_timed=False))
    assert (held_out.start, held_out.end) == (1000, 1100)


def test_a_split_alone_is_followed_by_a_month_and_an_end_alone_preceded_by_one() -> None:
    purchases = hourly("2010-01-01", "2011-12-31")
    assert hold_out(purchases, split_at=day("2011-03-01")).until == day("2011-04-01")
    assert hold_out(purchases, until=day("2011-04-01")).split_at == day("2011-03-01")


def test_the_past_ends_where_the_held_out_lines_begin() -> None:
    held_out = hold_out(lines_at(np.arange(1200), is_timed=False), 700, 900)
    assert (len(held_out.past), held_out.start, held_out.end) == (700, 700, 900)


@pytest.mark.parametrize(("split_at", "until"), [(0, 5), (10, 12), (5, 5), (5, 3)])
def test_a_split_that_leaves_one_side_empty_is_refused(split_at: int, until: int) -> None:
    with pytest.raises(NotEnoughData, match="both must hold some"):
        hold_out(lines_at(np.arange(10), is_timed=False), split_at, until)


def test_no_lines_cannot_be_split() -> None:
    with pytest.raises(NotEnoughData, match="no line"):
        hold_out(lines_at(np.array([], np.int64)))
