"""`POST /v1/purchases`: what customers buy, bring back, or want forgotten.

    202  the broker has all of it
    207  it has some of it; `errors` says which not, and why
    400  the body cannot be read as events at all
    422  it can, and each of the events is refused
    503  no broker took any of them; ask again

Sending an event again does no harm: the worker knows it by its `event_id`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Security
from fastapi.concurrency import run_in_threadpool

from streams.clients.delivery import Delivery
from streams.clients.publisher import PurchasePublisher
from streams.contract.errors import BrokerUnavailable, ContractError, Undelivered
from streams.contract.messages import Event
from streams.gateway import bodies, openapi
from streams.gateway.access import may
from streams.gateway.answers import Json, Published
from streams.gateway.problems import Fault, Problem, unavailable
from streams.gateway.services import Gateway, GatewayOf

router = APIRouter(tags=["purchases"])
NOT_DELIVERED = "undelivered"


@router.post(
    "/v1/purchases",
    status_code=202,
    summary="Publish one event or many",
    response_class=Json,
    dependencies=[Security(may("write"))],
    responses=openapi.answered(Published, {"accepted": 1, "errors": []}, 400, 413, 415, 503, status=202)
    | openapi.answered(Published, {"accepted": 1, "errors": [{"index": 1, "reason": "missing-field", "field": "user_id",
      "message": "user_id: this field is required and missing"}]}, status=207),
    openapi_extra=openapi.events_body(),
)  # fmt: skip
async def publish(
    gateway: GatewayOf,
    body: Annotated[bytes, Depends(bodies.limited_body)],
    content_type: Annotated[str, Header(include_in_schema=False)] = "",
) -> Json:
    """A JSON object, an array of them, or one per line (NDJSON): purchases, returns and erasures, told apart by `type`.

    Answers once the broker has them. Refused events do not keep the others from being published.
    """
    parts = bodies.parts_of(body, content_type)
    found = bodies.sort_out(parts, datetime.now(UTC))
    lost = await delivered(gateway.publisher, found.events)
    faults = sorted([*found.faults, *lost], key=lambda fault: fault.index or 0)
    accepted = len(parts) - len(faults)
    _count(gateway, accepted, faults)
    if accepted:
        status = HTTPStatus.MULTI_STATUS if faults else HTTPStatus.ACCEPTED
        return Json(Published(accepted, faults), status)
    raise refusal(faults)


async def delivered(publisher: PurchasePublisher, events: Mapping[int, Event]) -> list[Fault]:
    """Publish the events, in order, and wait for the broker; what it did not take, by index."""
    try:
        deliveries = await run_in_threadpool(_hand_over, publisher, list(events.values()))
    except ContractError as error:
        return [_lost(index, error) for index in events]
    results = await asyncio.gather(*map(_settled, deliveries))
    return [_lost(index, error) for index, error in zip(events, results, strict=True) if error]


def refusal(faults: list[Fault]) -> Problem:
    """Why nothing of a body was published."""
    first = faults[0].message
    if any(fault.reason == NOT_DELIVERED for fault in faults):
        return unavailable(NOT_DELIVERED, first, retry_after_s=5)
    malformed = all(fault.reason == "malformed" for fault in faults)
    status = HTTPStatus.BAD_REQUEST if malformed else HTTPStatus.UNPROCESSABLE_ENTITY
    more = f", and {len(faults) - 1:,} more" if len(faults) > 1 else ""
    return Problem(status, faults[0].reason, first + more, errors=faults)


def _hand_over(publisher: PurchasePublisher, events: Sequence[Event]) -> list[Delivery]:
    """In a thread: where the publisher's queue is full, this waits for room."""
    return [publisher.publish(event) for event in events]


async def _settled(delivery: Delivery) -> ContractError | None:
    try:
        await delivery
    except (BrokerUnavailable, Undelivered) as error:
        return error
    return None


def _lost(index: int, error: ContractError) -> Fault:
    return Fault(NOT_DELIVERED, f"{error}; send it again", index=index)


def _count(gateway: Gateway, accepted: int, faults: Sequence[Fault]) -> None:
    gateway.metrics.events("accepted", accepted)
    for fault in faults:
        gateway.metrics.events(fault.reason, 1)
