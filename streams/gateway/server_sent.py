"""Server-sent events as bytes (WHATWG HTML, section 9.2)."""

from streams.contract import messages
from streams.contract.messages import RecommendationList
from streams.gateway import positions
from streams.gateway.positions import Position

MEDIA_TYPE = "text/event-stream"


def list_event(made: RecommendationList, position: Position) -> bytes:
    """A list, as it is on its topic; who comes back with the event's id gets what came after it."""
    return _event(b"list", positions.written(position).encode(), messages.encode(made))


def beginning(position: Position) -> bytes:
    """Comes first: it gives the reader an id to come back with, before there is any list."""
    return b"id: %s\nretry: 1000\n\n" % positions.written(position).encode()


def fell_behind() -> bytes:
    """Comes last, to a reader that was too slow; it keeps the id of the last list that it has got."""
    reason = b'{"reason":"fell-behind","detail":"lists came faster than they were read; come back with Last-Event-ID"}'
    return b"event: end\ndata: %s\n\n" % reason


def _event(kind: bytes, id_: bytes, data: bytes) -> bytes:
    """`data` is JSON as msgspec writes it, which never holds a line break."""
    return b"event: %s\nid: %s\ndata: %s\n\n" % (kind, id_, data)
