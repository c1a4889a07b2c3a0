"""`GET /v1/recommendations/stream`: lists as they come, as server-sent events.

A reader that comes back with the id of the last event it got (`Last-Event-ID`, as browsers do by themselves) gets
what it has missed. One that reads too slowly costs a bounded queue until it falls behind, and is then told to come
back; with one that takes nothing at all the system ends the connection (`server.listening`).
"""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Header, Query, Security
from fastapi.responses import Response
from sse_starlette import EventSourceResponse

from streams.gateway import openapi, positions, server_sent
from streams.gateway.access import may
from streams.gateway.broadcast import FellBehind, Listening
from streams.gateway.metrics import Metrics
from streams.gateway.positions import Position
from streams.gateway.problems import Problem, unavailable
from streams.gateway.replay import replayed
from streams.gateway.services import CaughtUp, Gateway

router = APIRouter(tags=["recommendations"], dependencies=[Security(may("read"))])

AT_ONCE = 64
"""Most lists in one write: what a connection that does not drain holds besides its queue."""


@router.get(
    "/v1/recommendations/stream",
    summary="Lists as they come",
    response_class=Response,
    responses=openapi.streamed(400, 503),
)
async def stream(
    gateway: CaughtUp,
    user_id: Annotated[str | None, Query(min_length=1, max_length=256, description="Only this customer's.")] = None,
    last_event_id: Annotated[str | None, Header(description="Go on behind this event.")] = None,
) -> Response:
    """Events of the kind `list`, whose data is a list as it stands on its topic; comments in between say that the
    stream is alive. An event of the kind `end` comes last, and says why.
    """
    since = _since(last_event_id)
    if len(gateway.broadcast) >= gateway.settings.max_streams:
        raise unavailable("too-many-streams", f"{gateway.settings.max_streams:,} streams are open already", 10)
    return EventSourceResponse(events(gateway, since, user_id), ping=gateway.settings.heartbeat_s, sep="\n")


async def events(gateway: Gateway, since: Position | None, user_id: str | None) -> AsyncIterator[bytes]:
    """The bytes of one stream: first what was missed since a position, then what comes."""
    with gateway.broadcast.listening(user_id) as listener:
        if since is None:
            yield server_sent.beginning(listener.position)
        else:
            async for missed in replayed(gateway.kafka, since, listener.position, user_id):
                yield missed
        async for arrived in as_they_come(listener, gateway.metrics):
            yield arrived


async def as_they_come(listener: Listening, metrics: Metrics) -> AsyncIterator[bytes]:
    """What a listener hears, until it falls behind."""
    try:
        while True:
            yield b"".join(arrival.server_sent for arrival in await listener.next(AT_ONCE))
    except FellBehind:
        metrics.stream_fell_behind()
        yield server_sent.fell_behind()


def _since(last_event_id: str | None) -> Position | None:
    try:
        return positions.read(last_event_id) if last_event_id else None
    except ValueError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "last-event-id", str(error)) from None
