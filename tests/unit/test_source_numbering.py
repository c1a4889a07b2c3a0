"""Lines in any order become purchases in the order of time, numbered as they come up."""

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from serving.features import FIRST_ITEM
from trainer.numbering import MICROSECONDS, Ids, SourceLines, numbered
from trainer.purchases import Purchases

NAMES = "abcdefgh"


class Line(NamedTuple):
    """One line of a source, as a shop would tell it."""

    user: str
    item: str
    at: int
    """Microseconds."""
    order: int
    quantity: int


LINES = st.lists(
    st.builds(
        Line,
        st.sampled_from(NAMES[:4]),
        st.sampled_from(NAMES),
        st.sampled_from([0, 1, MICROSECONDS - 1, MICROSECONDS, 5 * MICROSECONDS, 7 * MICROSECONDS + 3]),
        st.integers(0, 3),
        st.integers(1, 9),
    ),
    min_size=1,
    max_size=30,
)
"""Few moments, so that many lines fall on one; few users and orders, so that they are interleaved."""


def source_of(lines: Sequence[Line], has_times: bool = True, has_orders: bool = True) -> SourceLines:
    return SourceLines(
        Ids(np.array([NAMES.index(line.user) for line in lines]), NAMES),
        Ids(np.array([NAMES.index(line.item) for line in lines]), NAMES),
        np.array([line.at for line in lines]) if has_times else None,
        np.array([line.order for line in lines]) if has_orders else None,
        np.array([float(line.quantity) for line in lines]),
        np.full(len(lines), np.nan),
    )


def rows(purchases: Purchases) -> list[tuple[str, str, int]]:
    """User, item and quantity of each line, in the shop's words."""
    users = [purchases.user_ids[number] for number in purchases.user]
    items = [purchases.item_ids[index - FIRST_ITEM] for index in purchases.item]
    return list(zip(users, items, purchases.quantity.astype(int).tolist(), strict=True))


def expected_orders(lines: Sequence[Line]) -> list[list[Line]]:
    """The rules in plain Python: each order's lines by time, and orders by the time of their first line."""
    in_time = sorted(lines, key=lambda line: line.at)
    names = list(dict.fromkeys((line.user, line.order) for line in in_time))
    return [[line for line in in_time if (line.user, line.order) == name] for name in names]


@given(LINES)
def test_lines_lie_by_orders_and_orders_by_their_first_line(lines: list[Line]) -> None:
    orders = expected_orders(lines)
    purchases = numbered(source_of(lines))
    assert rows(purchases) == [(line.user, line.item, line.quantity) for order in orders for line in order]
    assert purchases.order.tolist() == [number for number, order in enumerate(orders) for _ in order]


@given(LINES)
def test_all_lines_of_an_order_happen_at_the_moment_of_its_first(lines: list[Line]) -> None:
    orders = expected_orders(lines)
    assert numbered(source_of(lines)).at.tolist() == [order[0].at // MICROSECONDS for order in orders for _ in order]


@given(LINES, st.booleans(), st.booleans())
def test_items_and_users_are_numbered_as_they_come_up(lines: list[Line], has_times: bool, has_orders: bool) -> None:
    purchases = numbered(source_of(lines, has_times, has_orders))
    assert list(dict.fromkeys(purchases.item.tolist())) == [FIRST_ITEM + n for n in range(purchases.n_items)]
    assert list(dict.fromkeys(purchases.user.tolist())) == list(range(purchases.n_users))
    assert len(purchases.item_ids) == purchases.n_items
    assert len(purchases.user_ids) == purchases.n_users


@given(LINES, st.booleans(), st.booleans())
def test_no_line_is_lost_and_none_is_made_up(lines: list[Line], has_times: bool, has_orders: bool) -> None:
    told = sorted((line.user, line.item, line.quantity) for line in lines)
    assert sorted(rows(numbered(source_of(lines, has_times, has_orders)))) == told


@given(LINES, st.booleans(), st.booleans())
def test_time_and_orders_never_go_back(lines: list[Line], has_times: bool, has_orders: bool) -> None:
    purchases = numbered(source_of(lines, has_times, has_orders))
    assert (np.diff(purchases.at) >= 0).all()
    assert set(np.diff(purchases.order, prepend=-1).tolist()) <= {0, 1}


@given(LINES)
def test_without_orders_what_a_user_bought_at_one_moment_is_one(lines: list[Line]) -> None:
    purchases = numbered(source_of(lines, has_orders=False))
    of_moments = numbered(source_of([line._replace(order=line.at) for line in lines]))
    assert rows(purchases) == rows(of_moments)
    assert purchases.order.tolist() == of_moments.order.tolist()


@given(LINES)
def test_without_times_the_lines_stay_and_each_is_an_order(lines: list[Line]) -> None:
    purchases = numbered(source_of(lines, has_times=False, has_orders=False))
    assert rows(purchases) == [(line.user, line.item, line.quantity) for line in lines]
    assert purchases.order.tolist() == purchases.at.tolist() == list(range(len(lines)))
    assert not purchases.is_timed


@given(LINES)
def test_without_times_an_order_happens_where_its_first_line_lies(lines: list[Line]) -> None:
    purchases = numbered(source_of(lines, has_times=False))
    same_time = expected_orders([line._replace(at=0) for line in lines])
    assert rows(purchases) == [(line.user, line.item, line.quantity) for order in same_time for line in order]


@given(LINES, st.integers(0, 8))
def test_what_was_known_before_a_position_has_the_smallest_numbers(lines: list[Line], position: int) -> None:
    purchases = numbered(source_of(lines))
    past = purchases.before(position)
    assert set(past.item.tolist()) == set(range(FIRST_ITEM, past.vocabulary_size))
    assert rows(past) == rows(purchases)[:position]


def test_an_order_id_that_two_users_share_stands_for_two_orders() -> None:
    purchases = numbered(source_of([Line("a", "a", 0, 1, 1), Line("b", "a", 0, 1, 1), Line("a", "b", 0, 1, 1)]))
    assert [(user, item) for user, item, _ in rows(purchases)] == [("a", "a"), ("a", "b"), ("b", "a")]
    assert [len(list(lines)) for _, lines in groupby(purchases.order.tolist())] == [2, 1]


def test_lines_of_one_second_keep_the_order_of_their_fractions() -> None:
    purchases = numbered(source_of([Line("a", "a", 900_000, 1, 1), Line("b", "b", 100_000, 2, 1)]))
    assert purchases.item_ids == ("b", "a")
    assert purchases.at.tolist() == [0, 0]
