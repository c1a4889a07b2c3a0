"""One batch of events: what it reads and writes of the state, and what it sends."""

from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol, TypeAlias

from streams.worker.errors import RecordTooLarge

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class SourceRecord(NamedTuple):
    """One raw record as it was read. Its `position` says the same as its offset, and never goes back even where the
    topic is made anew (`source_topic.py`)."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    position: int = -1


class Record(NamedTuple):
    """One record to be sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()

    @property
    def size(self) -> int:
        """Bytes of key, value and headers."""
        headers = sum(len(name.encode()) + len(value or b"") for name, value in self.headers)
        return len(self.key or b"") + len(self.value or b"") + headers


class StateTable(NamedTuple):
    """A table of the state. Every value that is put is also a record of the changelog, which is why a
    topic that others read can be a table's changelog; `newest_only` says that of several values put for
    one key in one batch the last one is enough there."""

    name: str
    changelog: str
    newest_only: bool


class Slot(NamedTuple):
    """The place of one value in the state."""

    table: StateTable
    partition: int
    key: bytes


class ReadableState(Protocol):
    """State as it looks from somewhere."""

    def get(self, slot: Slot) -> bytes | None:
        """The value at a slot; None where there is none."""

    def keys(self, table: StateTable, partition: int, prefix: bytes) -> set[bytes]:
        """The keys of a table's partition that begin with `prefix` and have a value."""


class Batch:
    """What one batch of events does, collected before any of it is done.

    Reads see what this batch has put, then `state`, which shows what batches before it have put.
    """

    def __init__(self, state: ReadableState) -> None:
        self._below = state
        self.state: dict[Slot, bytes | None] = {}
        self.records: list[Record] = []
        self._changelog: dict[Slot, Record] = {}

    def get(self, slot: Slot) -> bytes | None:
        return self.state[slot] if slot in self.state else self._below.get(slot)

    def keys(self, table: StateTable, partition: int, prefix: bytes) -> set[bytes]:
        return overlaid(self._below.keys(table, partition, prefix), self.state, table, partition, prefix)

    def put(self, slot: Slot, value: bytes | None) -> None:
        """Set a value of the state; None deletes it."""
        self.state[slot] = value
        record = Record(slot.table.changelog, slot.partition, slot.key, value)
        if slot.table.newest_only:
            self._changelog[slot] = record
        else:
            self.records.append(record)

    def send(self, record: Record) -> None:
        self.records.append(record)

    def all_records(self) -> list[Record]:
        """Everything to be sent, the changelog included."""
        return [*self.records, *self._changelog.values()]

    def check_sizes(self, largest: Callable[[str], int]) -> None:
        """Raise RecordTooLarge where a record has more bytes than `largest(topic)`."""
        for record in self.all_records():
            if record.size > largest(record.topic):
                raise RecordTooLarge(
                    f"a record of {record.size:,} bytes for {record.topic} comes of this event; at most "
                    f"{largest(record.topic):,} bytes are sent there"
                )

    def savepoint(self) -> "Batch":
        """A batch on top of this one, to be kept with `merge` or dropped."""
        return Batch(self)

    def merge(self, inner: "Batch") -> None:
        self.state |= inner.state
        self.records += inner.records
        self._changelog |= inner._changelog


def overlaid(
    keys: set[bytes], over: Mapping[Slot, bytes | None], table: StateTable, partition: int, prefix: bytes
) -> set[bytes]:
    """`keys` of a table's partition as they are once `over` is written, too."""
    here = {
        slot.key: value
        for slot, value in over.items()
        if slot.table == table and slot.partition == partition and slot.key.startswith(prefix)
    }
    return {key for key in keys if here.get(key, b"") is not None} | {
        key for key, value in here.items() if value is not None
    }
