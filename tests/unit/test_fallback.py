"""What is suggested without a model."""

import heapq
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from serving import fallback
from serving.fallback import LEADERS, RecentPopularity
from serving.suggestion import Suggestion

DAY = 24 * 3600.0


def popular(*item_ids: str, at: float = 0.0) -> RecentPopularity:
    popularity = RecentPopularity(half_life_days=14)
    for item_id in item_ids:
        popularity.add(item_id, at)
    return popularity


def ids(suggestions: list[Suggestion]) -> list[str]:
    return [suggestion.item_id for suggestion in suggestions]


def test_a_purchase_counts_half_after_the_half_life() -> None:
    popularity = popular("old", "old", "old")
    for _ in range(2):
        popularity.add("new", 14 * DAY)
    assert ids(popularity.top(2)) == ["new", "old"]
    assert popularity.share("old") == 0.75


def test_years_without_purchases_do_not_overflow() -> None:
    popularity = popular("old")
    popularity.add("new", 14 * DAY * 5_000)
    assert ids(popularity.top(5)) == ["new"]


@given(st.lists(st.integers(0, 2 * LEADERS).map(str), max_size=2_000))
def test_the_leaders_are_the_most_bought(item_ids: list[str]) -> None:
    counts = Counter(item_ids)
    expected = heapq.nlargest(10, counts.values())
    assert [counts[item] for item in ids(popular(*item_ids).top(10))] == expected


def test_favourites_come_first_by_the_number_of_orders_they_were_in() -> None:
    orders = [["b", "a", "c"], ["a", "c", "c"], ["a"]]
    assert ids(fallback.suggest(orders, popular("p"), 5)) == ["a", "c", "b", "p"]


def test_ties_among_favourites_are_broken_by_popularity() -> None:
    assert ids(fallback.suggest([["a", "b"]], popular("b", "b", "a"), 2)) == ["b", "a"]


def test_a_favourite_is_its_own_reason_and_what_is_popular_has_none() -> None:
    suggestions = fallback.suggest([["a"]], popular("p"), 2)
    assert [suggestion.because for suggestion in suggestions] == ["a", None]


def test_a_new_user_gets_what_is_popular() -> None:
    assert ids(fallback.suggest([], popular("a", "b", "b"), 5)) == ["b", "a"]
