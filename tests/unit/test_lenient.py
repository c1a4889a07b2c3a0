"""What a shop's JSON may look like beside what msgspec reads by itself, and keys that lie."""

from datetime import UTC, datetime

import pytest

from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Item, Line
from streams.worker.catalogue import Catalogue

NOW = datetime(2026, 2, 1, tzinfo=UTC)
TEN = datetime(2026, 1, 5, 10, tzinfo=UTC)


def order(time: str, line: str = '{"item_id":"a"}') -> bytes:
    return f'{{"event_id":"e","user_id":"u","occurred_at":"{time}","items":[{line}]}}'.encode()


@pytest.mark.parametrize(
    "time",
    [
        "2026-01-05T10:00Z",
        "2026-01-05t10:00:00z",
        "2026-01-05T12:00+02",
        "2026-01-05T12:00:00+0200",
        "2026-01-05T04:30-0530",
        "2026-01-05T10:00:00.000000001Z",
        "2026-01-05T10:00:00.000000001+00",
    ],
)
def test_times_of_iso_8601_are_read(time: str) -> None:
    assert messages.decode_event(b"u", order(time), NOW).occurred_at == TEN


@pytest.mark.parametrize("time", ["2026-01-05T10:00", "2026-01-05T10Z", "10:00Z", "2026-01-05T10:61Z", "yesterday"])
def test_what_is_no_time_with_a_zone_is_refused(time: str) -> None:
    with pytest.raises(InvalidEvent) as caught:
        messages.decode_event(b"u", order(time), NOW)
    assert caught.value.field == "occurred_at"


def test_null_is_not_given_where_a_field_is_optional() -> None:
    value = order("2026-01-05T10:00Z", '{"item_id":"a","quantity":null,"price":null}')
    event = messages.decode_event(b"u", value, NOW)
    assert isinstance(event, messages.Purchase)
    assert event.items == [Line("a")]
    given = b'{"item_id":"a","title":null,"category":null,"available":false}'
    assert messages.item_from_json(given) == Item("a", available=False)


def test_null_is_refused_where_a_field_is_required() -> None:
    with pytest.raises(InvalidEvent):
        messages.item_from_json(b'{"item_id":null}')


def test_a_byte_order_mark_is_read_over() -> None:
    assert messages.item_from_json(b'\xef\xbb\xbf{"item_id":"a"}') == Item("a")
    assert messages.decode_event(b"u", b"\xef\xbb\xbf" + order("2026-01-05T10:00:00Z"), NOW).user_id == "u"


@pytest.mark.parametrize("value", [b'{"item_id":"a","available":"false"}', b"{", b'{"item_id":"b"}'])
def test_an_item_that_cannot_be_read_counts_as_withdrawn_until_it_can(value: bytes) -> None:
    catalogue = Catalogue()
    catalogue.on_record(b"a", value)
    assert not catalogue.is_available("a")
    assert catalogue.is_available("b")
    catalogue.on_record(b"a", b'{"item_id":"a"}')
    assert catalogue.is_available("a")


def test_an_item_that_is_withdrawn_without_a_title_is_withdrawn() -> None:
    catalogue = Catalogue()
    catalogue.on_record(b"a", b'{"item_id":"a","title":null,"available":false}')
    assert not catalogue.is_available("a")


def test_a_key_of_another_item_is_refused() -> None:
    with pytest.raises(InvalidEvent) as caught:
        messages.keyed_item(b"b", b'{"item_id":"a"}')
    assert caught.value.reason == "key-mismatch"
