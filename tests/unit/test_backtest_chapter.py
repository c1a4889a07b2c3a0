"""The book chapter's protocol on a few lines."""

from datetime import timedelta

import numpy as np

from tests.tiny import DAY, A, B, C, D, Order, purchases
from trainer.backtest.chapter import SPLIT_AT, UNTIL, Chapter, lists_by_model, lists_by_popularity, precision
from trainer.models.own_frequency import OwnFrequency
from trainer.progress import Silent

SPLIT = int(SPLIT_AT.timestamp()) // DAY
LAST = int(UNTIL.timestamp()) // DAY
E_, F, G = D + 1, D + 2, D + 3
KNOWN, ANONYMOUS, NEW = 0, 1, 2

WHOLE = purchases(
    Order(KNOWN, SPLIT - 3, (A, B, C, D, E_, F)),
    Order(ANONYMOUS, SPLIT - 2, (A, B, C, D, E_, A, G)),
    Order(KNOWN, SPLIT - 1, (F, F)),
    Order(KNOWN, SPLIT, (F, F, A)),
    Order(NEW, LAST, (F, B)),
    Order(NEW, LAST + 1, (A,)),
)
CHAPTER = Chapter.of(WHOLE, {"user-0", "user-2"})


def test_the_month_ends_with_the_first_moment_of_its_last_day() -> None:
    assert timedelta(days=LAST - SPLIT) == UNTIL - SPLIT_AT
    assert CHAPTER.orders.tolist() == [15, 18]


def test_popularity_counts_the_lines_of_everybody() -> None:
    assert lists_by_popularity(CHAPTER)[0].tolist() == [A, F, B, C, D]


def test_models_learn_from_customers_alone() -> None:
    assert set(CHAPTER.past_of_customers.user.tolist()) == {KNOWN}


def test_an_item_that_lies_in_an_order_twice_counts_twice() -> None:
    lists = np.array([[F, B, C, D, E_], [A, C, D, E_, G]], np.int32)
    assert precision(CHAPTER, lists) == 2 / 10


def test_customers_that_are_known_get_the_models_list_and_all_others_what_is_popular() -> None:
    lists = lists_by_model(CHAPTER, OwnFrequency(), Silent())
    assert lists[0].tolist() == [F, A, B, C, D]
    assert lists[1].tolist() == lists_by_popularity(CHAPTER)[1].tolist()
    assert precision(CHAPTER, lists) == (3 + 2) / 10
