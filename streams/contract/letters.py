"""A dead letter as it is read: the record that came, and what its headers say of it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias, cast

from confluent_kafka import Message

Headers: TypeAlias = tuple[tuple[str, bytes | None], ...]

ADDED = (
    "error.class",
    "error.type",
    "error.text",
    "source.topic",
    "source.partition",
    "source.offset",
    "source.size",
    "source.sha256",
    "source.cut",
)
"""Headers that were put behind the record's own."""
REPLAYED_FROM = "replayed-from"
"""On a record that was sent again: where its dead letter lies, `dead-letters/partition/offset`."""


class Letter(NamedTuple):
    """One dead letter; headers that are missing are empty texts, since others may write to the topic, too."""

    partition: int
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None
    own_headers: Headers
    """As they came with the record."""
    about: dict[str, str]
    """The added ones."""

    @property
    def reason(self) -> str:
        return self.about.get("error.class", "") or "unknown"

    @property
    def source_topic(self) -> str:
        """Its full name, prefix included."""
        return self.about.get("source.topic", "")

    @property
    def source(self) -> str:
        return "/".join(self.about.get(f"source.{part}", "?") or "?" for part in ("topic", "partition", "offset"))

    @property
    def is_cut(self) -> bool:
        """Whether anything of the record is not whole: the header names which of value, key and headers."""
        return bool(self.about.get("source.cut"))

    @property
    def name(self) -> str:
        """What `replayed-from` says of it."""
        return f"dead-letters/{self.partition}/{self.offset}"


def letter_of(message: Message) -> Letter:
    """The letter in a record of `dead-letters`."""
    own, about = split_headers(_headers(message))
    return Letter(
        message.partition() or 0,
        message.offset() or 0,
        datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        message.key(),
        message.value(),
        own,
        about,
    )


def replayed_from(message: Message) -> str | None:
    """The name of the letter that a record was sent again from; None where it is no replay."""
    name = dict(_headers(message)).get(REPLAYED_FROM)
    return None if name is None else name.decode(errors="replace")


def split_headers(headers: Sequence[tuple[str, bytes | None]]) -> tuple[Headers, dict[str, str]]:
    """The record's own headers, and the added ones: those at the end, each once.

    >>> split_headers([("source.cut", b"mine"), ("error.class", b"malformed"), ("source.cut", b"true")])
    ((('source.cut', b'mine'),), {'source.cut': 'true', 'error.class': 'malformed'})
    """
    own, about = list(headers), dict[str, str]()
    while own and own[-1][0] in ADDED and own[-1][0] not in about:
        name, value = own.pop()
        about[name] = (value or b"").decode(errors="replace")
    return tuple(own), about


def headers_of_replay(letter: Letter) -> Headers:
    """The record's own headers, and where it comes from; of several replays only the last is named."""
    kept = tuple((name, value) for name, value in letter.own_headers if name != REPLAYED_FROM)
    return (*kept, (REPLAYED_FROM, letter.name.encode()))


def _headers(message: Message) -> Sequence[tuple[str, bytes | None]]:
    return cast("Sequence[tuple[str, bytes | None]]", message.headers() or ())
