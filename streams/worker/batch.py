"""One batch of events: what it reads and writes of the state, and what it sends."""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

Headers: TypeAlias = tuple[tuple[str, bytes], ...]


class SourceRecord(NamedTuple):
    """One raw record as it was read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Record(NamedTuple):
    """One record to be sent."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


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


ReadState: TypeAlias = Callable[[Slot], bytes | None]


class Batch:
    """What one batch of events does, collected before any of it is done.

    Reads see what this batch has put, then `read`, which sees what batches before it have put.
    """

    def __init__(self, read: ReadState) -> None:
        self._read = read
        self.state: dict[Slot, bytes | None] = {}
        self.records: list[Record] = []
        self._changelog: dict[Slot, Record] = {}

    def get(self, slot: Slot) -> bytes | None:
        return self.state[slot] if slot in self.state else self._read(slot)

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

    def savepoint(self) -> "Batch":
        """A batch on top of this one, to be kept with `merge` or dropped."""
        return Batch(self.get)

    def merge(self, inner: "Batch") -> None:
        self.state |= inner.state
        self.records += inner.records
        self._changelog |= inner._changelog
