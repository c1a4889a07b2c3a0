"""`GET /v1/users/{id}/recommendations` and `/history`: what stands, and what was bought before."""

import asyncio
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Query, Security

from streams.contract.messages import RecommendationList
from streams.gateway import answers, openapi
from streams.gateway.access import may
from streams.gateway.answers import BoughtBefore, Json, StandingList
from streams.gateway.broadcast import Broadcast, FellBehind, RecentLists
from streams.gateway.parameters import EventId, UserId
from streams.gateway.problems import not_found
from streams.gateway.services import CaughtUp
from streams.gateway.views import Views

LOG_LAG_S = 0.002
"""How often to look for an event whose list is there already."""

router = APIRouter(tags=["users"], dependencies=[Security(may("read"))], default_response_class=Json)

_A_LIST = {
    "list_id": "4b1f0c7e2a9d4c58a1e0b7d3",
    "user_id": "12680",
    "cause": {"type": "purchase", "event_id": "581587"},
    "as_of": "2011-12-09T12:50:00Z",
    "generated_at": "2011-12-09T12:50:00.008Z",
    "age_s": 0.012,
    "source": "model",
    "model": {"name": "next-purchase", "version": 3},
    "items": [{"rank": 1, "item_id": "22613", "title": "PACK OF 20 SPACEBOY NAPKINS", "score": 0.41,
               "because": ["22138"]}],
    "entered": ["22613"],
    "left": ["22899"],
}  # fmt: skip
_A_HISTORY = {
    "user_id": "12680",
    "orders": [{"event_id": "581587", "occurred_at": "2011-12-09T12:50:00Z",
                "items": [{"item_id": "22613", "title": "PACK OF 20 SPACEBOY NAPKINS", "quantity": 12}]}],
}  # fmt: skip


@router.get(
    "/v1/users/{user_id:path}/recommendations",
    summary="A customer's list",
    responses=openapi.answered(StandingList, _A_LIST, 404, 503),
)
async def recommendations(
    gateway: CaughtUp,
    user_id: UserId,
    wait_for: EventId | None = None,
    timeout_s: Annotated[float, Query(gt=0, le=60, description="How long `wait_for` waits at most.")] = 5.0,
) -> Json:
    """The list that stands now. With `wait_for`, the `event_id` of a purchase or return that was published: the list
    that followed it, as soon as it and the event in the history are there; one that has replaced it long ago stands
    for it.
    """
    made = gateway.views.standing_list(user_id) if wait_for is None else None
    if wait_for is not None:
        made = await followed(gateway.views, gateway.broadcast, user_id, wait_for, timeout_s)
    if made is None:
        raise not_found("no-list", "this customer has no list: nothing was bought yet, or all was forgotten")
    age = datetime.now(UTC) - made.generated_at
    return Json(answers.standing_list(made, gateway.views, age.total_seconds()))


@router.get(
    "/v1/users/{user_id:path}/history",
    summary="What a customer bought",
    responses=openapi.answered(BoughtBefore, _A_HISTORY, 404, 503),
)
def history(gateway: CaughtUp, user_id: UserId) -> Json:
    """The orders that the recommendations are made from, oldest first, without what was returned."""
    past = gateway.views.history(user_id)
    if not past.orders:
        raise not_found("no-history", "this customer has bought nothing that is known here")
    return Json(answers.bought_before(user_id, past, gateway.views))


async def followed(
    views: Views, broadcast: Broadcast, user_id: str, event_id: str, timeout_s: float
) -> RecommendationList:
    """The list that followed an event, waiting for it; Problem where it does not come in time.

    Whoever has got it finds the event in the customer's history.
    """
    # Listening begins before the first look, so that the list cannot slip through in between.
    with broadcast.listening(user_id) as listener:
        try:
            async with asyncio.timeout(timeout_s):
                while (made := list_after(views, broadcast.recent, user_id, event_id)) is None:
                    await listener.next(most=1)
                while not _cause_is_known(views, made):  # noqa: ASYNC110 - only lists are handed to this loop
                    await asyncio.sleep(LOG_LAG_S)
        except (TimeoutError, FellBehind):
            accepted = views.source_offset(user_id, event_id) is not None
            what = "is accepted, and its list has not come" if accepted else "was not accepted by any worker"
            raise not_found("no-list-yet", f"the event {what} within {timeout_s:g} s; ask again") from None
    return made


def list_after(views: Views, recent: RecentLists, user_id: str, event_id: str) -> RecommendationList | None:
    """The list that the event made, or else one that was made by a later event of this customer."""
    made = recent.after(user_id, event_id)
    if made is not None:
        return made
    standing = views.standing_list(user_id)
    if standing is None or standing.cause.event_id == event_id:
        return standing
    asked = views.source_offset(user_id, event_id)
    cause = views.source_offset(user_id, standing.cause.event_id)
    return standing if asked is not None and cause is not None and cause > asked else None


def _cause_is_known(views: Views, made: RecommendationList) -> bool:
    """Whether the event that a list was made from has been read as well.

    The worker logs it first, but on another topic: the list may be read a moment before.
    """
    return made.cause.type == "model" or views.source_offset(made.user_id, made.cause.event_id) is not None
