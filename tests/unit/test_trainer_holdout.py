import math

import numpy as np
import pytest

from serving.features import Int32s
from tests.unit.test_trainer_history import at, bought, history_of
from trainer import holdout
from trainer.models.popularity import PopularityRanker
from trainer.next_purchase.examples import Examples, order_examples
from trainer.purchases import Purchases


def ints(*rows: list[int]) -> Int32s:
    return np.array(rows, np.int32)


def ranked(found: Examples, top: Int32s) -> list[list[str]]:
    return [[found.moments.purchases.item_ids[index - 2] for index in row] for row in top]


@pytest.fixture
def shop() -> Examples:
    """One user likes b; c is what all the others buy."""
    others = [bought(f"o{n}", n, "c", user=f"other {n}") for n in range(5)]
    history = history_of(*others, bought("1", 0, "b", "d"), bought("2", 1, "b", "a"), bought("3", 2, "b"))
    return order_examples(history.purchases)


def week_after_week() -> Purchases:
    orders = [
        bought(f"{user}-{n}", 7.0 * n + user / 9, "a", "b", user=f"{user}") for user in range(5) for n in range(8)
    ]
    return history_of(*orders, bought("late", 55.9, "new", user="1")).purchases


def test_a_hit_is_any_target_among_the_best() -> None:
    top = ints([5, 6], [7, 8], [9, 4])
    targets = ints([6, 0, 0], [5, 6, 0], [4, 9, 0])
    assert holdout.hit_rate(top, targets) == pytest.approx(2 / 3)
    assert holdout.hit_rate(top[:, :1], targets) == pytest.approx(1 / 3)


def test_ndcg_is_one_for_the_best_list_and_falls_with_the_rank() -> None:
    assert holdout.ndcg(ints([5, 6, 7]), ints([7, 5, 6, 0])) == pytest.approx(1)
    assert holdout.ndcg(ints([5, 6, 7]), ints([7, 0, 0, 0])) == pytest.approx(1 / math.log2(4))
    assert holdout.ndcg(ints([5, 6, 7]), ints([8, 0, 0, 0])) == 0


def test_own_frequency_ranks_by_habit_and_breaks_ties_by_popularity(shop: Examples) -> None:
    bought_by_all = holdout.popularity(shop.moments.purchases)
    top = holdout.by_own_frequency(shop, bought_by_all, 3)
    assert ranked(shop, top)[0] == ["b", "d", "c"]


def test_what_is_learnt_from_lies_before_the_moment_and_what_is_held_out_from_it_on() -> None:
    purchases = week_after_week()
    split = holdout.split_by_time(purchases, holdout_days=12)
    assert (split.past.at < split.at).all()
    assert (split.held_out.moments.as_of >= split.at).all()
    n_later = sum(purchases.at[purchases.order_starts] >= split.at)
    assert len(split.held_out) == n_later > 0


def test_of_a_short_log_at_most_the_newest_quarter_is_held_out() -> None:
    purchases = history_of(*(bought(str(day), float(day), "a") for day in range(9))).purchases
    assert holdout.split_by_time(purchases, holdout_days=365).at == int(at(6).timestamp())


def test_what_another_version_has_seen_is_not_held_out_and_the_newer_half_of_the_rest_is() -> None:
    purchases = history_of(*(bought(str(day), float(day), "a") for day in range(101))).purchases

    def split_at(learnt_to: float) -> int:
        return holdout.split_by_time(purchases, holdout_days=20, learnt_to=int(at(learnt_to).timestamp())).at

    assert split_at(30) == int(at(80).timestamp())
    assert split_at(90) == int(at(95).timestamp())


def test_nothing_is_held_out_where_the_other_version_has_seen_everything() -> None:
    purchases = week_after_week()
    split = holdout.split_by_time(purchases, holdout_days=12, learnt_to=int(purchases.at[-1]))
    assert len(split.held_out) == 0
    assert len(split.past) == len(purchases)


def test_a_model_is_measured_beside_the_rules_and_observes_before_it_is_asked_again() -> None:
    split = holdout.split_by_time(week_after_week(), holdout_days=12)
    metrics = holdout.measure(PopularityRanker(holdout.popularity(split.past)), split)
    assert metrics["held_out_orders"] == len(split.held_out)
    for rule in ("", "on_the_visit_", "own_frequency_", "popularity_"):
        # Everybody buys both items each week; the one new item can be named by nobody.
        assert metrics[f"{rule}hit_rate_at_5"] == pytest.approx(1 - 1 / len(split.held_out))
