"""Intervals: they hold the figure, narrow with more users, and know that a user's answers hang together."""

import numpy as np
import pytest

from trainer.backtest import bootstrap
from trainer.backtest.metrics import Pairs, Values


def column(*values: float) -> Values:
    return np.array(values, float)[:, None]


def test_the_figure_is_the_mean_over_answers_not_over_users() -> None:
    found = bootstrap.means(column(9, 0), column(9, 1), seed=0)
    assert found.value.tolist() == [0.9]


def test_where_all_users_are_alike_the_interval_is_a_point() -> None:
    found = bootstrap.means(column(1, 2, 3), column(2, 4, 6), seed=0)
    assert (found.low[0], found.high[0]) == pytest.approx((0.5, 0.5))


@pytest.mark.parametrize("n_users", [100, 10_000])
def test_the_interval_is_as_wide_as_theory_says(n_users: int) -> None:
    hits = (np.arange(n_users) % 2).astype(float)[:, None]
    found = bootstrap.means(hits, np.ones_like(hits), seed=1)
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.96 * 0.5 / np.sqrt(n_users), rel=0.15)
    assert found.low[0] < 0.5 < found.high[0]


def test_a_hundred_answers_of_ten_users_are_no_more_certain_than_ten() -> None:
    ten = column(*([0, 1] * 5))
    assert bootstrap.means(10 * ten, np.full_like(ten, 10), seed=2) == bootstrap.means(ten, np.ones_like(ten), seed=2)


def test_the_same_seed_draws_the_same_users_whatever_is_drawn_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    once = np.concatenate(list(bootstrap.draws(50, seed=3)))
    monkeypatch.setattr(bootstrap, "MAX_WEIGHTS", 130)
    assert np.array_equal(np.concatenate(list(bootstrap.draws(50, seed=3))), once)
    assert once.shape == (bootstrap.DRAWS, 50)
    assert (once.sum(axis=1) == 50).all()


def test_a_group_of_which_some_draws_have_nobody_still_has_an_interval() -> None:
    found = bootstrap.means(column(1, 0, 0), column(1, 0, 0), seed=4)
    assert (found.value[0], found.low[0], found.high[0]) == (1, 1, 1)


def test_coverage_is_the_share_of_the_catalogue_that_users_bring_in_together() -> None:
    user, item = np.array([0, 0, 1, 2]), np.array([2, 3, 3, 9], np.int32)
    found = bootstrap.coverage(Pairs(user, item), n_users=3, n_items=10, seed=5)
    assert found.value[0] == pytest.approx(0.3)
    assert 0 <= found.low[0] <= 0.3 <= found.high[0] <= 1


def test_what_every_user_brings_in_is_certain() -> None:
    user, item = np.arange(20), np.full(20, 4, np.int32)
    assert [bound[0] for bound in bootstrap.coverage(Pairs(user, item), 20, 10, seed=6)] == pytest.approx([0.1] * 3)


def test_nothing_listed_covers_nothing() -> None:
    nothing = Pairs(np.array([], np.int64), np.array([], np.int32))
    assert [bound[0] for bound in bootstrap.coverage(nothing, 3, 10, seed=7)] == [0, 0, 0]
