"""The purchase log as purchases: what is left of it, with the shop's own names."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from streams.contract import messages
from streams.contract.messages import Event, Line, Purchase, Return
from trainer.backtest.sources.log import from_log
from trainer.backtest.sources.source import Source
from trainer.errors import NotEnoughData

START = datetime(2011, 1, 1, tzinfo=UTC)


def bought(event_id: str, user: str, day: float, *lines: Line) -> Purchase:
    return Purchase(event_id, user, START + timedelta(days=day), list(lines))


def source_of(*events: Event) -> Source:
    return from_log({messages.log_key(event.user_id, event.event_id): messages.encode(event) for event in events})


EVENTS = (
    bought("3", "u", 2, Line("c")),
    bought("1", "v", 1, Line("b", 2, 0.85)),
    bought("2", "u", 1, Line("a", 3), Line("b", 1, 0.75)),
    Return("4", "u", START + timedelta(days=3), [Line("a", 2)]),
)


def test_lines_lie_by_time_and_those_of_one_moment_by_user() -> None:
    purchases = source_of(*EVENTS).purchases
    assert (purchases.user_ids, purchases.item_ids) == (("u", "v"), ("a", "b", "c"))
    assert purchases.user.tolist() == [0, 0, 1, 0]
    assert (purchases.item - FIRST_ITEM).tolist() == [0, 1, 1, 2]
    assert purchases.order.tolist() == [0, 0, 1, 2]
    assert purchases.at.tolist() == [int((START + timedelta(days=day)).timestamp()) for day in (1, 1, 1, 2)]


def test_what_is_left_of_each_line_and_its_price_are_known() -> None:
    purchases = source_of(*EVENTS).purchases
    assert purchases.quantity.tolist() == [1, 1, 2, 1]
    np.testing.assert_array_equal(purchases.price, np.array([np.nan, 0.75, 0.85, np.nan], np.float32))


def test_the_order_of_the_log_does_not_matter() -> None:
    one, other = source_of(*EVENTS).purchases, source_of(*reversed(EVENTS)).purchases
    assert (one.item_ids, one.user_ids) == (other.item_ids, other.user_ids)
    assert one.item.tolist() == other.item.tolist()
    assert one.user.tolist() == other.user.tolist()


def test_an_order_that_came_back_whole_was_none() -> None:
    back = Return("5", "v", START + timedelta(days=2), [Line("b", 2)], "1")
    purchases = source_of(*EVENTS, back).purchases
    assert (purchases.user_ids, len(purchases.order_starts)) == (("u",), 2)


def test_what_was_read_is_told() -> None:
    log = {messages.log_key(event.user_id, event.event_id): messages.encode(event) for event in EVENTS}
    data = from_log(log | {b"no key": b"{}"}).data
    counts = {count.what: count.n for count in data.counts}
    assert data.name == "purchase-log"
    assert counts["records read"] == 5
    assert counts["left out: records that are neither a purchase nor a return"] == 1
    assert (data.first_at, data.last_at) == ("2011-01-02", "2011-01-03")


def test_a_log_without_purchases_says_what_to_do() -> None:
    with pytest.raises(NotEnoughData, match="nextup publish"):
        source_of()


def test_a_log_in_which_nobody_came_twice_is_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="purchase-log: no user has two orders"):
        source_of(bought("1", "u", 0, Line("a")), bought("2", "v", 1, Line("a")))
