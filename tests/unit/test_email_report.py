"""The report of emails: what is counted, for whom, and how sure it is."""

import random
from itertools import count

import pytest

from streams.contract.email_messages import EmailEvent
from streams.emails.report import Interval, report
from tests.emails_made import NOON

_numbers = count()


def event(user: str, decision: str, kind: str, *items: str, value: float = 0.0, reason: str = "") -> EmailEvent:
    return EmailEvent(f"e{next(_numbers)}", user, decision, kind, NOON, list(items), value, reason)  # type: ignore[arg-type]


def test_without_events_there_is_nothing_to_compare() -> None:
    found = report([])
    assert (found.customers, found.emails, found.opened) == (0, 0, None)
    assert all(row[1:] == (None, None, None) for row in found.compared)


def test_what_customers_do_counts_for_their_group_in_whatever_order_it_is_read() -> None:
    events = [
        event("ada", "d1", "purchased", "cups", "forks", value=12.0),
        event("ada", "d1", "sent", "cups", "forks"),
        event("ada", "d2", "sent", "jugs"),
        event("ada", "d1", "clicked", "cups"),
        event("ada", "d1", "clicked", "forks"),
        event("grace", "d3", "sent", "cups"),
        event("grace", "d3", "unsubscribed"),
        event("alan", "d4", "withheld", "cups"),
        event("alan", "d4", "purchased", "cups", value=2.0),
        event("kurt", "d5", "given-up", "cups", reason="too late"),
    ]
    for order in (events, events[::-1]):
        found = report(order)
        assert (found.customers, found.emails) == (2, 3)
        assert (found.control_customers, found.control_emails) == (1, 1)
        assert (found.unsubscribed, found.given_up) == (1, {"too late": 1})
        assert found.opened is not None
        assert found.opened.value == pytest.approx(1 / 3)
        share, number, value = found.compared
        assert share.sent is not None
        assert share.sent.value == 0.5
        assert share.withheld == Interval(1.0)
        assert number.sent is not None
        assert number.sent.value == 1.0
        assert value.sent is not None
        assert value.sent.value == 6.0
        assert value.difference is not None
        assert value.difference.value == 4.0


@pytest.mark.parametrize(("with_emails", "is_clear"), [(0.30, True), (0.20, False)])
def test_a_difference_is_clear_where_there_is_one(with_emails: float, is_clear: bool) -> None:
    rng = random.Random(1)
    events = []
    for number in range(2_000):
        kind, chance = ("sent", with_emails) if number % 2 else ("withheld", 0.20)
        events.append(event(f"u{number}", f"d{number}", kind, "cups"))
        if rng.random() < chance:
            events.append(event(f"u{number}", f"d{number}", "purchased", "cups", value=5.0))
    difference = report(events).compared[0].difference
    assert difference is not None
    assert difference.low is not None
    assert (difference.low > 0) == is_clear
    assert report(events).compared[0].difference == difference, "the same events give the same interval"
