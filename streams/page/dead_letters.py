"""What could not be processed, in the words of its headers."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, cast

from confluent_kafka import Message

from streams.page.wording import clipped

LONGEST_TEXT = 160

Headers: TypeAlias = Sequence[tuple[str, bytes | str | None]]


@dataclass(frozen=True)
class DeadLetter:
    """One record that no worker could make sense of. `where` is its topic, partition and offset."""

    at: datetime
    reason: str
    text: str
    where: str


def dead_letter(message: Message) -> DeadLetter:
    """A header that is missing is an empty text: the topic may hold records of others."""
    headers = cast("Headers", message.headers() or [])
    about = {name: _text(value) for name, value in headers}
    place = [about.get(f"source.{part}", "") for part in ("topic", "partition", "offset")]
    return DeadLetter(
        datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC),
        clipped(about.get("error.class", "") or "unknown", 40),
        clipped(about.get("error.text", ""), LONGEST_TEXT),
        " / ".join(part for part in place if part),
    )


def _text(value: bytes | str | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
