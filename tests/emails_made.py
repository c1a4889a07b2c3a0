"""Made-up lists, purchases, rules and letters for the tests of emails."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from streams.contract.email_messages import Customer
from streams.contract.messages import Cause, Line, ModelRef, Purchase, RecommendationList, Recommended, list_id
from streams.emails.desk import Parcel
from streams.emails.links import Links
from streams.emails.message import Composer
from streams.emails.rules import Rules, Sending, checked
from streams.emails.standing import Candidate, Outgoing

NOON = datetime(2011, 11, 9, 12, tzinfo=UTC)
"""A Wednesday."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

NEVER = "00:00:00"
"""Quiet from then until then: not at all."""

SENDING = {
    "shop": "The Shop",
    "sender": "The Shop <news@shop.example>",
    "click_url": "https://shop.example/e/click",
    "unsubscribe_url": "https://shop.example/e/unsubscribe",
    "item_url": "https://shop.example/p/{item_id}",
}


def rules_with(**sections: dict[str, Any]) -> Rules:
    """Rules that let everything pass at once, but for what is given."""
    open_to_all: dict[str, dict[str, Any]] = {
        "change": {"rank": 5},
        "timing": {
            "wait_after_purchase_hours": 0,
            "merge_hours": 0,
            "quiet_from": "00:00:00",
            "quiet_until": "00:00:00",
        },
        "limits": {"per_week": 100, "bought_days": 0},
        "control": {"share": 0},
    }
    return checked(
        {"sending": SENDING} | {name: values | sections.get(name, {}) for name, values in open_to_all.items()}
    )


def a_list(
    event_id: str,
    items: Sequence[str],
    entered: Sequence[str] | None = None,
    *,
    at: datetime = NOON,
    user_id: str = "ada",
    source: Any = "model",
    cause: Any = "purchase",
) -> RecommendationList:
    """A list after a purchase; all of it is new unless told otherwise. Scores fall from 0.9 by 0.1."""
    because = Cause(cause, event_id)
    return RecommendationList(
        list_id(user_id, because), user_id, because, at, at, source, ModelRef("m", 1) if source == "model" else None,
        [Recommended(rank, item, round(1 - rank / 10, 6), ["napkins"]) for rank, item in enumerate(items, 1)],
        list(items if entered is None else entered), [],
    )  # fmt: skip


def a_purchase(event_id: str, *items: str, at: datetime = NOON, user_id: str = "ada", price: float = 1.0) -> Purchase:
    return Purchase(event_id, user_id, at, [Line(item, 2, price) for item in items])


SHOP = Sending(**SENDING)
LINKS = Links(b"a secret of the tests", SHOP)
COMPOSER = Composer(SHOP, LINKS)


def a_parcel(titles: dict[str, str], email: str = "ada@home.example", because: tuple[str, ...] = ("x",)) -> Parcel:
    """Of all titles but the last, which is what they are recommended for."""
    named = [item_id for item_id in titles if item_id not in because]
    candidates = tuple(Candidate(item_id, rank, 0.5, because) for rank, item_id in enumerate(named, 1))
    return Parcel("ada", Customer("ada", email), Outgoing("d1", NOON, candidates, NOON), titles)


def sent(parcel: Parcel) -> EmailMessage:
    return message_from_bytes(COMPOSER.letter(parcel, NOON).content, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())
