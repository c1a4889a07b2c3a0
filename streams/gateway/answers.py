"""What the gateway answers, as JSON. Messages of the topics are answered as they stand there, or as parts of these."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from fastapi.responses import JSONResponse
from msgspec import Meta, Struct

from streams.contract.messages import Cause, Id, ModelRef, Moment, RecommendationList
from streams.gateway.problems import Fault
from streams.gateway.views import Views
from streams.histories.history import History, Order


class Json(JSONResponse):
    """A value of this module as a response."""

    def render(self, content: Any) -> bytes:
        return msgspec.json.encode(content)


class Named(Struct, frozen=True):
    """One product at its place. `title` is what the shop calls it, "" where it has not said."""

    rank: Annotated[int, Meta(ge=1)]
    item_id: Id
    title: str


class Scored(Named, frozen=True):
    """A product, and how much speaks for it."""

    score: float


class Product(Scored, frozen=True):
    """One product on a list; `because` names what the customer bought that speaks for it."""

    because: list[Id]


class StandingList(Struct, frozen=True):
    """The list of a customer, how old it is, and who made it: a model's version, or the fallback (`model` null)."""

    list_id: Id
    user_id: Id
    cause: Cause
    as_of: Moment
    generated_at: Moment
    age_s: float
    source: Literal["model", "fallback"]
    model: ModelRef | None
    items: list[Product]
    entered: list[Id]
    left: list[Id]


class BoughtLine(Struct, frozen=True):
    """So many of one item."""

    item_id: Id
    title: str
    quantity: float


class BoughtOrder(Struct, frozen=True):
    """One past order, without what was returned."""

    event_id: Id
    occurred_at: Moment
    items: list[BoughtLine]


class BoughtBefore(Struct, frozen=True):
    """A customer's orders, oldest first: as many of the newest as the workers keep."""

    user_id: Id
    orders: list[BoughtOrder]


class GoesWith(Struct, frozen=True):
    """What is bought together with one item, best first, by the version that serves."""

    item_id: Id
    title: str
    model: ModelRef
    items: list[Scored]


class PlannedOrder(Struct, frozen=True):
    """One order that has not happened: what it would be if all before it came true."""

    order: Annotated[int, Meta(ge=1)]
    items: list[Named]


class Plan(Struct, frozen=True):
    """A customer's next orders, step by step."""

    user_id: Id
    model: ModelRef
    orders: list[PlannedOrder]


class Published(Struct, frozen=True):
    """How many events the broker has, and which were refused. Those may be sent again once they are put right."""

    accepted: Annotated[int, Meta(ge=0)]
    errors: list[Fault]


def standing_list(made: RecommendationList, views: Views, age_s: float) -> StandingList:
    return StandingList(
        list_id=made.list_id,
        user_id=made.user_id,
        cause=made.cause,
        as_of=made.as_of,
        generated_at=made.generated_at,
        age_s=round(age_s, 3),
        source=made.source,
        model=made.model,
        items=[Product(i.rank, i.item_id, views.title(i.item_id), i.score, i.because) for i in made.items],
        entered=made.entered,
        left=made.left,
    )


def bought_before(user_id: str, past: History, views: Views) -> BoughtBefore:
    return BoughtBefore(user_id, [_bought(order, views) for order in past.orders])


def _bought(order: Order, views: Views) -> BoughtOrder:
    lines = zip(order.item_ids, order.quantities, strict=True)
    at = datetime.fromtimestamp(order.occurred_at / 1000, UTC)
    return BoughtOrder(order.event_id, at, [BoughtLine(i, views.title(i), quantity) for i, quantity in lines])
