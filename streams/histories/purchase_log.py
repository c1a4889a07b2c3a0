"""One user's history from the user's records on `purchase-log`.

Each record says in a header at which offset its event stood in `purchases`; applied in that order, a user's
records give the history that the worker keeps, byte for byte.
"""

import logging
from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from confluent_kafka import Message

from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Purchase, Return
from streams.histories import history
from streams.histories.history import History

log = logging.getLogger(__name__)

SOURCE_OFFSET = "source.offset"
"""Header of a log record: where the event stood in its partition of `purchases`."""


class LogRecord(NamedTuple):
    """One accepted event as the log holds it; `source_offset` is None where the record does not say."""

    source_offset: int | None
    value: bytes


class Replayed(NamedTuple):
    """One user's history, and the offset of each event that went into it, by log key."""

    history: History
    offsets: dict[bytes, bytes]


def log_record(message: Message) -> LogRecord:
    digits = dict(message.headers() or []).get(SOURCE_OFFSET)
    known = isinstance(digits, bytes) and digits.isdigit()
    return LogRecord(int(digits) if known and digits else None, message.value() or b"")


def user_of(log_key: bytes) -> str | None:
    """The user in a key of the log; None where the key is not ours."""
    try:
        user_id, _ = msgspec.json.decode(log_key, type=tuple[str, str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return user_id


def replay(events: Iterable[tuple[int, bytes, bytes]], max_lines: int) -> Replayed:
    """From (source offset, log key, value) of one user, in the order of the offsets; `max_lines` as the worker
    has it. What is no purchase and no return is left out, with a warning."""
    past = History()
    offsets: dict[bytes, bytes] = {}
    for offset, key, value in events:
        event = _event(key, value)
        if event is not None:
            past = history.apply(past, event, offset, max_lines).history
            offsets[key] = b"%d" % offset
    return Replayed(past, offsets)


def _event(key: bytes, value: bytes) -> Purchase | Return | None:
    try:
        event = messages.event_from_json(value)
    except InvalidEvent as error:
        log.warning("the log record %r is left out: %s", key, error)
        return None
    if isinstance(event, Purchase | Return):
        return event
    log.warning("the log record %r is left out: it is of type %s", key, type(event).__name__.lower())
    return None
