import math
from datetime import UTC, datetime, timedelta

import pytest

from serving.features import FIRST_ITEM
from streams.contract import messages
from streams.contract.messages import Erasure, Event, Line, Purchase, Return
from trainer.errors import NotEnoughData
from trainer.purchase_history import PurchaseHistory, from_log

START = datetime(2011, 1, 1, tzinfo=UTC)


def at(day: float) -> datetime:
    return START + timedelta(days=day)


def bought(event_id: str, day: float, *items: str | tuple[str, float], user: str = "u") -> Purchase:
    lines = [Line(item) if isinstance(item, str) else Line(item[0], item[1]) for item in items]
    return Purchase(event_id, user, at(day), lines)


def returned(event_id: str, day: float, item: str, quantity: float, of: str | None = None) -> Return:
    return Return(event_id, "u", at(day), [Line(item, quantity)], of)


def history_of(*events: Event) -> PurchaseHistory:
    return from_log({messages.log_key(e.user_id, e.event_id): messages.encode(e) for e in events})


def rows(history: PurchaseHistory) -> list[tuple[str, int, str]]:
    """User, number of the user's order and item of every line."""
    bought = history.purchases
    users = [bought.user_ids[user] for user in bought.user]
    items = [history.vocabulary.item_id(index) for index in bought.item]
    return list(zip(users, bought.user_order.tolist(), items, strict=True))


def test_lines_lie_in_the_order_of_time_whatever_the_order_of_the_log() -> None:
    history = history_of(
        bought("3", 5, "c"), bought("1", 0, "a", "b"), bought("2", 1, "x", user="other"), bought("0", 9, "d")
    )
    assert rows(history) == [("u", 0, "a"), ("u", 0, "b"), ("other", 0, "x"), ("u", 1, "c"), ("u", 2, "d")]
    assert history.purchases.at.tolist() == [int(at(day).timestamp()) for day in (0, 0, 1, 5, 9)]
    assert (history.n_events, history.n_orders) == (4, 4)


def test_quantities_and_prices_come_along_and_a_missing_price_is_no_number() -> None:
    priced = Purchase("1", "u", at(0), [Line("a", 3, 0.5), Line("b", 1)])
    purchases = history_of(priced).purchases
    assert purchases.quantity.tolist() == [3, 1]
    assert purchases.price[0] == pytest.approx(0.5)
    assert math.isnan(purchases.price[1])


def test_orders_of_one_instant_are_ordered_by_their_ids() -> None:
    assert rows(history_of(bought("2", 0, "b"), bought("1", 0, "a"))) == [("u", 0, "a"), ("u", 1, "b")]


def test_items_are_numbered_by_their_first_purchase_whatever_the_order_of_the_log() -> None:
    one = history_of(bought("1", 0, "b", "a"), bought("2", 1, "c"))
    other = history_of(bought("2", 1, "c"), bought("1", 0, "b", "a"))
    assert one.vocabulary.item_ids == other.vocabulary.item_ids == ("b", "a", "c")
    assert min(one.purchases.item) == FIRST_ITEM


@pytest.mark.parametrize(
    ("event", "left"),
    [
        (returned("r", 9, "a", 1), ["a", "b", "a"]),
        (returned("r", 9, "a", 2), ["a", "b"]),
        (returned("r", 9, "a", 3), ["a", "b"]),
        (returned("r", 9, "a", 5), ["b"]),
        (returned("r", 9, "a", 2, of="1"), ["b", "a"]),
        (returned("r", 9, "a", 1, of="no such order"), ["a", "b", "a"]),
        (returned("r", 9, "never bought", 1), ["a", "b", "a"]),
        (returned("r", 0.5, "a", 2), ["b", "a"]),
        (returned("r", -1, "a", 2), ["a", "b", "a"]),
    ],
)
def test_a_return_takes_from_the_named_order_or_else_from_the_newest_before_it(event: Return, left: list[str]) -> None:
    history = history_of(bought("1", 0, ("a", 2), "b"), bought("2", 1, ("a", 2)), event)
    assert [item for _, _, item in rows(history)] == left


def test_an_order_of_which_nothing_is_left_does_not_count() -> None:
    history = history_of(bought("1", 0, "a"), bought("2", 1, "b"), bought("3", 2, "c"), returned("r", 3, "b", 1))
    assert rows(history) == [("u", 0, "a"), ("u", 1, "c")]


def test_records_that_are_no_purchase_are_left_out_and_counted() -> None:
    good = bought("1", 0, "a")
    log = {
        messages.log_key("u", "1"): messages.encode(good),
        messages.log_key("u", "2"): b"{}",
        b"not a key": messages.encode(good),
        messages.log_key("u", "3"): messages.encode(Erasure("3", "u", at(1))),
        messages.log_key("someone else", "1"): messages.encode(good),
    }
    history = from_log(log)
    assert (history.n_events, history.n_unreadable, rows(history)) == (1, 4, [("u", 0, "a")])


@pytest.mark.parametrize("events", [[], [returned("r", 0, "a", 1)], [bought("1", 0, "a"), returned("r", 1, "a", 1)]])
def test_a_log_without_anything_bought_says_what_to_do(events: list[Event]) -> None:
    with pytest.raises(NotEnoughData, match="nextup publish"):
        history_of(*events)
