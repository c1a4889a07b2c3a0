"""What becomes of a request's body: each event is judged for itself, and the answer says how it went."""

from datetime import UTC, datetime

import msgspec
import pytest

from streams.contract.messages import Erasure, Line, Purchase, Return, encode
from streams.gateway import bodies, purchases
from streams.gateway.bodies import JSON, LINES
from streams.gateway.problems import Fault, Problem

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
PURCHASE = Purchase("e1", "u1", NOW, [Line("a")])
RETURN = Return("e2", "u1", NOW, [Line("a")])
ERASURE = Erasure("e3", "u2", NOW)


def test_one_event_an_array_and_lines_are_the_same_events() -> None:
    events = [PURCHASE, RETURN, ERASURE]
    array, lines = msgspec.json.encode(events), b"\n".join(map(encode, events))
    for body, kind in ((array, JSON), (b" \n" + array, "Application/JSON; charset=utf-8"), (lines + b"\n\n", LINES)):
        found = bodies.sort_out(bodies.parts_of(body, kind), NOW)
        assert list(found.events.values()) == events
        assert found.faults == []
    assert bodies.parts_of(encode(PURCHASE), JSON) == [encode(PURCHASE)]


def test_a_bad_event_is_told_by_its_place_and_field_and_keeps_no_other_out() -> None:
    late = encode(Purchase("e4", "u1", datetime(2021, 1, 1, tzinfo=UTC), [Line("a")]))
    lines = [encode(PURCHASE), b'{"event_id": "e"}', b"{", b'{"type": "gift"}', b"\xff", late, encode(ERASURE)]
    found = bodies.sort_out(bodies.parts_of(b"\n".join(lines), LINES), NOW)
    assert found.events == {0: PURCHASE, 6: ERASURE}
    assert [(fault.index, fault.reason, fault.field) for fault in found.faults] == [
        (1, "missing-field", "user_id"),
        (2, "malformed", ""),
        (3, "unknown-type", "type"),
        (4, "malformed", ""),
        (5, "future", "occurred_at"),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", JSON, 400),
        (b" \n ", LINES, 400),
        (b"[]", JSON, 400),
        (b"[1,", JSON, 400),
        (b"[" * 100_000, JSON, 400),
        (b'["\xff"', JSON, 400),
        (b"a,b", "text/csv", 415),
        (b"{}", "", 415),
    ],
)
def test_a_body_that_cannot_be_taken_apart_is_refused_as_a_whole(body: bytes, kind: str, status: int) -> None:
    with pytest.raises(Problem) as caught:
        bodies.parts_of(body, kind)
    assert caught.value.details.status == status


@pytest.mark.parametrize(
    ("reasons", "status"),
    [
        (["malformed", "malformed"], 400),
        (["malformed", "missing-field"], 422),
        (["missing-field"], 422),
        (["missing-field", purchases.NOT_DELIVERED], 503),
    ],
)
def test_where_nothing_was_published_the_status_says_whose_turn_it_is(reasons: list[str], status: int) -> None:
    faults = [Fault(reason, f"it is {reason}", index=index) for index, reason in enumerate(reasons)]
    problem = purchases.refusal(faults)
    assert problem.details.status == status
    assert ("Retry-After" in problem.headers) == (status == 503)
