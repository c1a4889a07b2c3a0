"""Lines as columns, and what is visible of them at a moment."""

from dataclasses import replace

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from trainer.purchases import Moments, Purchases

A, B, C = FIRST_ITEM, FIRST_ITEM + 1, FIRST_ITEM + 2


@pytest.fixture
def purchases() -> Purchases:
    """u buys a and b; v buys a; u buys b; v buys c and a."""
    user, item, order = [0, 0, 1, 0, 1, 1], [A, B, A, B, C, A], [0, 0, 1, 2, 3, 3]
    at = [10, 10, 20, 30, 40, 40]
    ones = np.ones(6, np.float32)
    return Purchases(
        ("a", "b", "c"),
        ("u", "v"),
        np.array(user, np.int32),
        np.array(item, np.int32),
        np.array(at, np.int64),
        np.array(order, np.int32),
        ones,
        ones,
    )


def moments(purchases: Purchases, user: list[int], before: list[int], open_from: list[int] | None = None) -> Moments:
    position = np.array(before, np.int64)
    return Moments(
        purchases,
        np.array(user, np.int32),
        position,
        np.zeros(len(user), np.int64),
        position if open_from is None else np.array(open_from, np.int64),
    )


def test_the_past_knows_only_the_items_and_users_that_were_bought_and_bought_in_it(purchases: Purchases) -> None:
    past = purchases.before(2)
    assert (past.item_ids, past.user_ids) == (("a", "b"), ("u",))
    assert past.vocabulary_size == FIRST_ITEM + 2


def test_nothing_was_known_before_the_first_line(purchases: Purchases) -> None:
    past = purchases.before(0)
    assert (len(past), past.n_items, past.n_users, past.vocabulary_size) == (0, 0, 0, FIRST_ITEM)


def test_a_position_is_the_number_of_lines_before_a_moment(purchases: Purchases) -> None:
    assert [purchases.position(at) for at in (0, 10, 11, 40, 99)] == [0, 0, 2, 4, 6]


def test_order_starts_are_the_first_lines_of_the_orders(purchases: Purchases) -> None:
    assert purchases.order_starts.tolist() == [0, 2, 3, 4]


def test_orders_are_counted_by_user(purchases: Purchases) -> None:
    assert purchases.user_order.tolist() == [0, 0, 0, 1, 1, 1]


def test_a_line_is_repeated_where_its_own_order_held_the_item_before(purchases: Purchases) -> None:
    again = replace(purchases, item=np.array([A, A, A, A, C, C], np.int32))
    assert not purchases.is_repeated.any()
    assert again.is_repeated.tolist() == [False, True, False, False, False, True]


def test_a_moment_sees_its_users_lines_before_it_and_no_others(purchases: Purchases) -> None:
    asked = moments(purchases, user=[0, 1, 0, 1], before=[2, 2, 4, 6])
    assert [asked.history(row).tolist() for row in range(4)] == [[0, 1], [], [0, 1, 3], [2, 4, 5]]


def test_what_lies_in_the_open_order_is_told_apart(purchases: Purchases) -> None:
    asked = moments(purchases, user=[1, 1], before=[5, 6], open_from=[4, 4])
    assert [asked.open_order(row).tolist() for row in range(2)] == [[4], [4, 5]]
    row, item = asked.open_items
    assert row.tolist() == [0, 1, 1]
    assert item.tolist() == purchases.item[[4, 4, 5]].tolist()
    assert [asked.history(row).tolist() for row in range(2)] == [[2, 4], [2, 4, 5]]


def test_a_user_who_never_bought_sees_nothing(purchases: Purchases) -> None:
    assert moments(purchases, user=[2], before=[6]).history(0).tolist() == []


def test_rows_keep_what_each_moment_sees(purchases: Purchases) -> None:
    asked = moments(purchases, user=[0, 1, 0, 1], before=[2, 2, 4, 6]).rows(slice(2, 4))
    assert [asked.history(row).tolist() for row in range(2)] == [[0, 1, 3], [2, 4, 5]]


def test_each_line_knows_how_many_its_user_bought_before(purchases: Purchases) -> None:
    assert purchases.by_user.rank.tolist() == [0, 1, 0, 2, 1, 2]
