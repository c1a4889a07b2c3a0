"""Made-up lists, purchases and rules for the tests of emails."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from streams.contract.messages import Cause, Line, ModelRef, Purchase, RecommendationList, Recommended, list_id
from streams.emails.rules import Rules, checked

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
