"""The book chapter's list after each purchase."""

import pytest

from serving.features import FIRST_ITEM
from tests.tiny import DAY, Order, purchases
from trainer.backtest import chapter_lstm
from trainer.backtest.chapter import SPLIT_AT, Chapter
from trainer.progress import Silent

SPLIT = int(SPLIT_AT.timestamp()) // DAY


def month_after(past: list[int], orders: list[list[int]]) -> Chapter:
    """A line a day up to the split, then an order a day, all by different users."""
    items = [*([item] for item in past), *orders]
    days = range(SPLIT - len(past), SPLIT + len(orders))
    bought = [
        Order(user, day, tuple(FIRST_ITEM + item for item in of_day))
        for user, (day, of_day) in enumerate(zip(days, items, strict=True))
    ]
    return Chapter.of(purchases(*bought), customers=[])


def accuracy_of_popularity(chapter: Chapter) -> float:
    return chapter_lstm.popularity(chapter, seed=0, progress=Silent())


def test_popularity_offers_what_is_bought_most_and_does_not_lie_in_the_order_yet() -> None:
    """Of seven items, the first is bought seven times in the past, the second six times, and so on."""
    past = [item for item in range(7) for _ in range(7 - item)]
    six_in_turn = month_after(past, [[0, 1, 2, 3, 4, 5]])
    assert accuracy_of_popularity(six_in_turn) == 1
    twice_the_same = month_after(past, [[0, 0]])
    assert accuracy_of_popularity(twice_the_same) == pytest.approx(1 / 2)


def test_an_item_that_the_past_does_not_know_is_missed() -> None:
    assert accuracy_of_popularity(month_after([0, 1, 2], [[0, 3], [3]])) == pytest.approx(1 / 3)
