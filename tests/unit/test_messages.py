"""The contract's messages: what is accepted, what is refused, and that every refusal names its fault."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Cause, Erasure, Event, Item, Line, Purchase, RecommendationList, Return

NOW = datetime(2011, 12, 9, 13, 0, tzinfo=UTC)
PURCHASE: dict[str, Any] = {
    "type": "purchase",
    "event_id": "581587",
    "user_id": "12680",
    "occurred_at": "2011-12-09T12:50:00Z",
    "items": [{"item_id": "22613", "quantity": 12, "price": 0.85}],
}
DEEP = b'{"x":' + b"[" * 200_000 + b"]" * 200_000


def changed(**fields: Any) -> bytes:
    """The example purchase with some fields changed; a field set to `...` is left out."""
    return json.dumps({name: value for name, value in (PURCHASE | fields).items() if value is not ...}).encode()


def refusal(key: bytes | None, value: bytes | None) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        messages.decode_event(key, value, NOW)
    return caught.value


def test_the_documented_purchase_decodes() -> None:
    event = messages.decode_event(b"12680", changed(), NOW)
    occurred_at = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    assert event == Purchase("581587", "12680", occurred_at, [Line("22613", 12, 0.85)])


def test_a_missing_type_means_purchase() -> None:
    assert isinstance(messages.decode_event(b"12680", changed(type=...), NOW), Purchase)


def test_a_return_may_name_its_purchase() -> None:
    event = messages.decode_event(b"12680", changed(type="return", purchase_event_id="581500"), NOW)
    assert isinstance(event, Return)
    assert event.purchase_event_id == "581500"


def test_an_erasure_needs_no_items() -> None:
    assert isinstance(messages.decode_event(b"12680", changed(type="erasure", items=...), NOW), Erasure)


def test_unknown_fields_are_ignored() -> None:
    assert messages.decode_event(b"12680", changed(channel="web", nested={"a": [1]}), NOW).event_id == "581587"


@pytest.mark.parametrize(
    ("value", "reason", "field"),
    [
        (changed(type="gift"), "unknown-type", "type"),
        (changed(type=None), "invalid-field", "type"),
        (changed(event_id=...), "missing-field", "event_id"),
        (changed(user_id=...), "missing-field", "user_id"),
        (changed(occurred_at=...), "missing-field", "occurred_at"),
        (changed(items=...), "missing-field", "items"),
        (changed(items=[{"quantity": 1}]), "missing-field", "items[0].item_id"),
        (changed(event_id=581587), "invalid-field", "event_id"),
        (changed(event_id=""), "invalid-field", "event_id"),
        (changed(event_id="e" * 257), "invalid-field", "event_id"),
        (changed(occurred_at="2011-12-09T12:50:00"), "invalid-field", "occurred_at"),
        (changed(occurred_at="yesterday"), "invalid-field", "occurred_at"),
        (changed(occurred_at=1323435000), "invalid-field", "occurred_at"),
        (changed(occurred_at="2011-12-10T13:00:01Z"), "future", "occurred_at"),
        (changed(occurred_at="9999-12-31T23:59:59-23:00"), "future", "occurred_at"),
        (changed(occurred_at="0001-01-01T00:00:00+23:00"), "before-1970", "occurred_at"),
        (changed(items=[]), "invalid-field", "items"),
        (changed(items={"item_id": "22613"}), "invalid-field", "items"),
        (changed(items=[{"item_id": "22613"}] * 2_001), "invalid-field", "items"),
        (changed(items=[{"item_id": ""}]), "invalid-field", "items[0].item_id"),
        (changed(items=[{"item_id": "22613", "quantity": 0}]), "invalid-field", "items[0].quantity"),
        (changed(items=[{"item_id": "22613", "quantity": "12"}]), "invalid-field", "items[0].quantity"),
        (changed(items=[{"item_id": "22613", "price": -0.01}]), "invalid-field", "items[0].price"),
        (changed(note="x" * 1_000_000), "too-large", ""),
        (b"", "empty-value", ""),
        (None, "empty-value", ""),
        (b"null", "invalid-field", ""),
        (b"[]", "invalid-field", ""),
        (b"{", "malformed", ""),
        (b"purchase", "malformed", ""),
        (changed() + b"{}", "malformed", ""),
        (changed(event_id="#").replace(b"#", b"\xff"), "malformed", ""),
        (changed(note="#").replace(b"#", b"\xff"), "malformed", ""),
        (changed(event_id="#").replace(b"#", rb"\ud800"), "malformed", ""),
        (DEEP, "malformed", ""),
    ],
)
def test_a_bad_value_is_refused_and_names_its_fault(value: bytes | None, reason: str, field: str) -> None:
    error = refusal(b"12680", value)
    assert (error.reason, error.field) == (reason, field)
    assert field in str(error)


@pytest.mark.parametrize(
    ("key", "reason", "field"),
    [
        (None, "empty-key", "key"),
        (b"", "empty-key", "key"),
        (b"12681", "key-mismatch", "user_id"),
        (b"\xff", "key-mismatch", "user_id"),
    ],
)
def test_a_key_that_is_not_the_user_is_refused(key: bytes | None, reason: str, field: str) -> None:
    error = refusal(key, changed())
    assert (error.reason, error.field) == (reason, field)


def test_a_refusal_does_not_repeat_a_megabyte() -> None:
    assert len(str(refusal(b"12680", changed(type="x" * 900_000)))) < 300
    assert len(str(refusal(b"k" * 900_000, changed()))) < 300


def test_a_purchase_may_come_from_a_clock_that_is_a_day_ahead() -> None:
    occurred_at = (NOW + messages.MAX_CLOCK_AHEAD).isoformat()
    assert messages.decode_event(b"12680", changed(occurred_at=occurred_at), NOW)


def test_a_purchase_may_have_as_many_lines_as_the_limit() -> None:
    value = changed(items=[{"item_id": "22613"}] * messages.MAX_LINES)
    event = messages.decode_event(b"12680", value, NOW)
    assert isinstance(event, Purchase)
    assert len(event.items) == messages.MAX_LINES


def a_purchase(**fields: Any) -> Purchase:
    """A purchase built in Python, as a shop would, with fields that may be wrong."""
    right: dict[str, Any] = {"event_id": "e", "user_id": "u", "occurred_at": NOW, "items": [Line("a")]}
    return Purchase(**right | fields)


@pytest.mark.parametrize(
    ("event", "field"),
    [
        (a_purchase(user_id=""), "user_id"),
        (a_purchase(user_id=12680), "user_id"),
        (a_purchase(user_id=None), "user_id"),
        (a_purchase(user_id="\ud800"), "user_id"),
        (a_purchase(event_id="\ud800"), "event_id"),
        (a_purchase(items=[Line("\ud800")]), "items"),
        (a_purchase(items=[object()]), "items"),
        (a_purchase(items=None), "items"),
        (a_purchase(items=[Line("a", quantity=math.nan)]), "items[0].quantity"),
        (a_purchase(items=[Line("a", quantity=True)]), "items[0].quantity"),
        (a_purchase(occurred_at=datetime(2011, 12, 9)), "occurred_at"),
        (a_purchase(occurred_at=NOW + timedelta(days=2)), "occurred_at"),
        (a_purchase(occurred_at="now"), "occurred_at"),
    ],
)
def test_an_event_that_would_be_refused_is_not_written(event: Event, field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        messages.check(event, NOW)
    assert caught.value.field == field
    assert field in str(caught.value)


@pytest.mark.parametrize("thing", [None, {"user_id": "u"}, "purchase", Item("a")])
def test_what_is_no_event_is_not_written(thing: Any) -> None:
    with pytest.raises(InvalidEvent):
        messages.check(thing, NOW)


@pytest.mark.parametrize(
    ("item", "field"),
    [(Item(""), "item_id"), (Item("a", title=None), "title"), (Item("\ud800"), "item_id")],  # type: ignore[arg-type]
)
def test_an_item_that_is_not_valid_is_not_written(item: Item, field: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        messages.check_item(item)
    assert caught.value.field == field


ids = st.text(min_size=1, max_size=256).filter(lambda text: not any("\ud800" <= letter <= "\udfff" for letter in text))
moments = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(2011, 12, 9), timezones=st.just(UTC), allow_imaginary=False
)
lines = st.builds(
    Line,
    item_id=ids,
    quantity=st.integers(1, 2**31 - 1) | st.floats(0.001, 1e6),
    price=st.none() | st.floats(0, 1e6),
)
orders = st.lists(lines, min_size=1, max_size=20)
events = st.one_of(
    st.builds(Purchase, event_id=ids, user_id=ids, occurred_at=moments, items=orders),
    st.builds(Return, event_id=ids, user_id=ids, occurred_at=moments, items=orders, purchase_event_id=st.none() | ids),
    st.builds(Erasure, event_id=ids, user_id=ids, occurred_at=moments),
)


@given(events)
def test_every_valid_event_comes_back_as_it_was(event: Event) -> None:
    value = messages.check(event, NOW)
    assert messages.decode_event(messages.user_key(event.user_id), value, NOW) == event


@given(st.binary(max_size=300), st.binary(max_size=20))
def test_no_bytes_raise_anything_but_invalid_event(value: bytes, key: bytes) -> None:
    with pytest.raises(InvalidEvent):
        messages.decode_event(key, value, NOW)


@given(ids, ids, ids, ids)
def test_no_two_events_share_a_log_key(user_a: str, event_a: str, user_b: str, event_b: str) -> None:
    same_key = messages.log_key(user_a, event_a) == messages.log_key(user_b, event_b)
    assert same_key == ((user_a, event_a) == (user_b, event_b))


def test_a_log_key_is_a_json_array_of_user_and_event() -> None:
    assert messages.log_key("12680", 'a"b') == b'["12680","a\\"b"]'


@given(ids, ids, st.sampled_from(["purchase", "return"]))
def test_a_list_id_depends_on_user_and_cause_alone(user_id: str, event_id: str, kind: Any) -> None:
    cause = Cause(kind, event_id)
    first = messages.list_id(user_id, cause)
    assert first == messages.list_id(user_id, Cause(kind, event_id))
    assert first != messages.list_id(user_id + "x", cause)
    assert first != messages.list_id(user_id, Cause(kind, event_id + "x"))
    other_kind: Any = "return" if kind == "purchase" else "purchase"
    assert first != messages.list_id(user_id, Cause(other_kind, event_id))


def test_the_documented_list_decodes() -> None:
    value = b"""{
        "list_id": "5c1", "user_id": "12680", "cause": {"type": "purchase", "event_id": "581587"},
        "as_of": "2011-12-09T12:50:00Z", "generated_at": "2011-12-09T12:50:00.004Z",
        "model": {"name": "next-purchase", "version": 12}, "source": "model",
        "items": [{"rank": 1, "item_id": "22138", "score": 0.31, "because": ["22613"]}],
        "entered": ["22138"], "left": ["21485"]}"""
    recommended = messages.recommendation_list.decode(value)
    assert recommended.items[0].because == ["22613"]
    assert messages.recommendation_list.decode(messages.encode(recommended)) == recommended


def test_a_list_whose_model_is_unknown_is_not_a_list() -> None:
    with pytest.raises(msgspec.ValidationError):
        messages.recommendation_list.decode(msgspec.json.encode({"list_id": "5c1"}))


def test_a_fallback_list_names_no_model() -> None:
    recommended = RecommendationList("5c1", "u", Cause("return", "e"), NOW, NOW, "fallback", None, [], [], [])
    assert messages.recommendation_list.decode(messages.encode(recommended)).model is None


@pytest.mark.parametrize("text", ["i" * 256, "é" * 128, "😀" * 64])
def test_an_id_may_have_256_bytes(text: str) -> None:
    event = Purchase(text, text, NOW, [Line(text)])
    assert messages.check(event, NOW) == messages.encode(event)


@pytest.mark.parametrize("field", ["event_id", "user_id", "items[1].item_id", "purchase_event_id"])
def test_an_id_of_more_bytes_is_refused_and_named(field: str) -> None:
    long = "😀" * 65
    ids = {"event_id": "e", "user_id": "u", "purchase_event_id": "p"} | ({} if "[" in field else {field: long})
    event = Return(items=[Line("i"), Line(long if "[" in field else "j")], occurred_at=NOW, **ids)
    with pytest.raises(InvalidEvent) as caught:
        messages.check(event, NOW)
    assert caught.value.field == field
    assert "260 bytes in UTF-8; at most 256" in str(caught.value)


def test_the_log_keeps_what_was_accepted_before_there_was_a_limit() -> None:
    event = Purchase("😀" * 256, "u", NOW, [Line("i")])
    assert messages.event_from_json(messages.encode(event)) == event


def test_an_item_with_a_long_id_is_refused() -> None:
    with pytest.raises(InvalidEvent, match="260 bytes"):
        messages.check_item(Item("😀" * 65))
