"""The rules of a user's history."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.messages import Line, Purchase, Return
from streams.histories import history
from streams.histories.history import History

START = datetime(2011, 11, 9, tzinfo=UTC)
MAX_LINES = 6


def purchase(event_id: str, *items: str, minute: int = 0, quantity: int = 1) -> Purchase:
    return Purchase(event_id, "u", START + timedelta(minutes=minute), [Line(item, quantity) for item in items])


def returned(event_id: str, item: str, quantity: int = 1, order: str | None = None) -> Return:
    return Return(event_id, "u", START + timedelta(days=1), [Line(item, quantity)], order)


def after(*events: Purchase | Return) -> History:
    state = History()
    for offset, event in enumerate(events):
        state = history.apply(state, event, offset, MAX_LINES).history
    return state


def bought(state: History) -> list[list[str]]:
    return [order.item_ids for order in state.orders]


def test_a_purchase_is_appended() -> None:
    assert bought(after(purchase("1", "a", "b"), purchase("2", "c", minute=1))) == [["a", "b"], ["c"]]


def test_a_late_purchase_takes_its_place_by_time() -> None:
    state = after(purchase("1", "a", minute=0), purchase("3", "c", minute=9), purchase("2", "b", minute=5))
    assert bought(state) == [["a"], ["b"], ["c"]]


def test_purchases_at_the_same_instant_are_ordered_by_event_id() -> None:
    one, two = purchase("1", "a"), purchase("2", "b")
    assert bought(after(one, two)) == bought(after(two, one)) == [["a"], ["b"]]


def test_a_record_read_again_after_a_crash_gives_the_same_bytes() -> None:
    events = purchase("1", "a"), purchase("2", "b", minute=1)
    state = after(*events)
    for offset, event in enumerate(events):
        change = history.apply(state, event, offset, MAX_LINES)
        assert change.replayed
        assert history.encode(change.history) == history.encode(state)


def test_a_replayed_event_sees_the_history_as_it_was() -> None:
    state = after(purchase("1", "a"), purchase("2", "b", minute=1), purchase("3", "c", minute=2))
    assert bought(history.as_it_was(state, 1)) == [["a"], ["b"]]


def test_the_oldest_orders_go_when_there_are_too_many_lines() -> None:
    state = after(purchase("1", "a", "b", "c"), purchase("2", "d", "e", minute=1), purchase("3", "f", "g", minute=2))
    assert bought(state) == [["d", "e"], ["f", "g"]]


def test_an_order_longer_than_the_history_keeps_its_last_lines() -> None:
    assert bought(after(purchase("1", "x"), purchase("2", *"abcdefgh", minute=1))) == [list("cdefgh")]


def test_a_return_takes_from_the_newest_order_first() -> None:
    state = after(purchase("1", "a", quantity=2), purchase("2", "a", minute=1, quantity=2), returned("r", "a", 3))
    assert [(order.event_id, order.quantities) for order in state.orders] == [("1", [1])]


def test_a_return_that_names_its_order_takes_from_that_order() -> None:
    state = after(purchase("1", "a"), purchase("2", "a", minute=1), returned("r", "a", order="1"))
    assert [order.event_id for order in state.orders] == ["2"]


def test_a_return_of_what_was_never_bought_changes_no_order() -> None:
    state = after(purchase("1", "a"), returned("r", "z", 5))
    assert bought(state) == [["a"]]


EVENTS = st.lists(
    st.one_of(
        st.builds(
            purchase,
            st.integers(0, 20).map(str),
            st.sampled_from("abc"),
            st.sampled_from("abc"),
            minute=st.integers(0, 5),
            quantity=st.integers(1, 3),
        ),
        st.builds(returned, st.integers(21, 30).map(str), st.sampled_from("abc"), st.integers(1, 4)),
    ),
    max_size=30,
)


@given(EVENTS)
def test_any_history_is_sorted_capped_and_survives_its_own_bytes(events: list[Purchase | Return]) -> None:
    state = after(*events)
    places = [(order.occurred_at, order.event_id) for order in state.orders]
    assert places == sorted(places)
    assert sum(len(order.item_ids) for order in state.orders) <= MAX_LINES
    assert all(quantity > 0 for order in state.orders for quantity in order.quantities)
    assert history.encode(history.decode(history.encode(state))) == history.encode(state)


@given(EVENTS, st.data())
def test_reading_any_part_again_leaves_the_same_bytes(events: list[Purchase | Return], data: st.DataObject) -> None:
    state = after(*events)
    start = data.draw(st.integers(0, len(events)))
    again = state
    for offset in range(start, len(events)):
        again = history.apply(again, events[offset], offset, MAX_LINES).history
    assert history.encode(again) == history.encode(state)


def test_no_state_is_an_empty_history() -> None:
    assert history.decode(None) == History()


@pytest.mark.parametrize("quantity", [1, 2.5])
def test_quantities_keep_their_type_through_the_bytes(quantity: float) -> None:
    state = history.apply(History(), Purchase("1", "u", START, [Line("a", quantity)]), 0, MAX_LINES).history
    assert history.encode(history.decode(history.encode(state))) == history.encode(state)
