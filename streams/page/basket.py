"""One click on *buy*: a purchase goes the way that all purchases go, and its list is waited for."""

import time
import uuid
from datetime import datetime, timedelta
from typing import NamedTuple

from streams.contract.errors import ContractError
from streams.contract.messages import Line, Purchase, RecommendationList
from streams.gateway.problems import Problem
from streams.gateway.recommendations import followed
from streams.gateway.services import Gateway

LIST_WITHIN_S = 10.0
REPLAYED_BEFORE = timedelta(days=2)


class Bought(NamedTuple):
    """What came of a click: the list and the milliseconds from the publish call until it was here, or why not."""

    made: RecommendationList | None
    milliseconds: float
    trouble: str


async def buy(gateway: Gateway, purchase: Purchase) -> Bought:
    """Publish one purchase, and wait for the list that follows it."""
    began = time.perf_counter()
    try:
        await gateway.publisher.publish_async(purchase)
    except ContractError as error:
        return Bought(None, 0.0, f"Nothing was bought: {error}")
    try:
        made = await followed(gateway.views, gateway.broadcast, purchase.user_id, purchase.event_id, LIST_WITHIN_S)
    except Problem:
        return Bought(None, 0.0, "The purchase is in Kafka; its list comes as soon as a worker has processed it.")
    return Bought(made, (time.perf_counter() - began) * 1000, "")


def purchase_of(user_id: str, item_id: str, at: datetime) -> Purchase:
    return Purchase(f"page-{uuid.uuid4().hex}", user_id, at, [Line(item_id)])


def moment_of(shop_at: datetime | None, now: datetime) -> datetime:
    """When a purchase that is made here happens: now, or, where a shop's past is being replayed, in that past.

    Otherwise fifteen years would seem to lie between a customer's last order and this one.

    >>> moment_of(datetime(2011, 12, 9), datetime(2026, 1, 1)).isoformat()
    '2011-12-09T00:00:01'
    """
    if shop_at is None or now - shop_at < REPLAYED_BEFORE:
        return now
    return shop_at + timedelta(seconds=1)


def new_customer() -> str:
    return f"guest-{uuid.uuid4().hex[:6]}"
