"""From the body of a request to events: one or many, each judged for itself."""

from datetime import datetime
from http import HTTPStatus
from typing import NamedTuple

import msgspec
from fastapi import Request

from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import MAX_VALUE_BYTES, Event
from streams.gateway.problems import Fault, Problem

JSON = "application/json"
LINES = "application/x-ndjson"


class Sorted(NamedTuple):
    """The events of one body by their place in it, and what is wrong with the others."""

    events: dict[int, Event]
    faults: list[Fault]


async def limited_body(request: Request) -> bytes:
    """The body, read no further than MAX_VALUE_BYTES; Problem 413 where there is more of it."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_VALUE_BYTES:
            raise Problem(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                "too-large",
                f"the body has more than {MAX_VALUE_BYTES:,} bytes; send several requests with fewer in each",
            )
    return bytes(body)


def parts_of(body: bytes, content_type: str) -> list[bytes]:
    """Each event's bytes: the elements of an array, the lines, or the whole. Problem where it cannot be taken apart."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in (JSON, LINES):
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "media-type", f"send {JSON} or {LINES}, not {kind[:64]!r}")
    parts = _lines(body) if kind == LINES else _elements(body)
    if not parts:
        raise Problem(HTTPStatus.BAD_REQUEST, "empty", "the body holds no event; send a purchase, or several")
    return parts


def sort_out(parts: list[bytes], now: datetime) -> Sorted:
    """Which of the parts are events that a worker would take, compared with the clock `now`."""
    events: dict[int, Event] = {}
    faults = []
    for index, part in enumerate(parts):
        try:
            event = messages.event_from_json(part)
            messages.check_acceptable(event, now)
            events[index] = event
        except InvalidEvent as error:
            faults.append(Fault(error.reason, str(error), error.field, index))
    return Sorted(events, faults)


def _lines(body: bytes) -> list[bytes]:
    return [line for line in body.splitlines() if line.strip()]


def _elements(body: bytes) -> list[bytes]:
    if not body.lstrip().startswith(b"["):
        return [body] if body.strip() else []
    try:
        return [bytes(element) for element in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(HTTPStatus.BAD_REQUEST, "malformed", f"the body is not JSON: {error}") from None
