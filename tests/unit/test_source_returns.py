"""What is left after returns is what the purchase log's own rules leave."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract import messages
from trainer.backtest.sources.returns import left_of_lines, without_returned
from trainer.kept_orders import UserEvent, kept_orders
from trainer.numbering import MICROSECONDS, Ids, SourceLines, numbered

START = datetime(2011, 1, 1, tzinfo=UTC)
ITEMS = "abc"
EVENTS = st.lists(
    st.lists(st.tuples(st.sampled_from(ITEMS), st.integers(-4, 4).filter(bool)), min_size=1, max_size=4), max_size=12
)
"""Each an order of one user, a day after the one before: items and how many; below zero they came back."""


def events_of(number: int, order: list[tuple[str, int]]) -> list[UserEvent]:
    """An order as the log has it: what was bought, and what came back, out of the same order if it holds both."""
    bought = [messages.Line(item, quantity) for item, quantity in order if quantity > 0]
    returned = [messages.Line(item, -quantity) for item, quantity in order if quantity < 0]
    at = START + timedelta(days=number)
    purchase = messages.Purchase(f"{number}", "u", at, bought)
    brought_back = messages.Return(f"{number}/return", "u", at, returned, f"{number}" if bought else None)
    return [purchase] * bool(bought) + [brought_back] * bool(returned)


def lines_of(orders: list[list[tuple[str, int]]], sequence: Iterable[int]) -> SourceLines:
    """All of one user; the source tells the orders in the given sequence."""
    rows = [(number, item, quantity) for number in sequence for item, quantity in orders[number]]
    return SourceLines(
        Ids(np.zeros(len(rows), np.int64), ("u",)),
        Ids(np.array([ITEMS.index(item) for _, item, _ in rows], np.int64), ITEMS),
        np.array([number * 86_400 * MICROSECONDS for number, _, _ in rows], np.int64),
        np.array([number for number, _, _ in rows], np.int64),
        np.array([quantity for _, _, quantity in rows], np.float64),
        np.full(len(rows), np.nan),
    )


@given(EVENTS)
def test_the_rules_are_those_of_the_log(orders: list[list[tuple[str, int]]]) -> None:
    events = [event for number, order in enumerate(orders) for event in events_of(number, order)]
    expected = [(line.item_id, line.quantity) for order in kept_orders(events) for line in order.lines]
    kept = without_returned(lines_of(orders, range(len(orders))))
    items = [kept.item.texts[code] for code in kept.item.code]
    assert list(zip(items, kept.quantity.tolist(), strict=True)) == expected


@given(EVENTS, st.randoms(use_true_random=False))
def test_where_the_orders_lie_in_the_source_does_not_matter(
    orders: list[list[tuple[str, int]]], random: Random
) -> None:
    in_time = range(len(orders))
    lines, moved = lines_of(orders, in_time), lines_of(orders, random.sample(in_time, len(orders)))
    one, other = numbered(without_returned(lines)), numbered(without_returned(moved))
    assert one.item_ids == other.item_ids
    assert one.item.tolist() == other.item.tolist()
    assert one.quantity.tolist() == other.quantity.tolist()


@pytest.mark.parametrize(
    ("quantity", "left"),
    [
        ([2, 3, -1], [2, 2, 0]),
        ([2, 3, -4], [1, 0, 0]),
        ([2, 3, -9], [0, 0, 0]),
        ([2, -1, 3], [1, 0, 3]),
        ([-1, 2, 3], [0, 2, 3]),
        ([0.5, 1.5, -1], [0.5, 0.5, 0]),
    ],
)
def test_the_newest_order_before_a_return_is_taken_from_first(quantity: list[float], left: list[float]) -> None:
    same_item = np.zeros(3, np.int64)
    assert left_of_lines(same_item, np.arange(3), np.array(quantity, np.float64)).tolist() == left


def test_what_another_user_or_another_item_has_is_not_taken() -> None:
    quantity = np.array([1.0, 1.0, -1.0])
    assert left_of_lines(np.array([0, 1, 2]), np.arange(3), quantity).tolist() == [1, 1, 0]
