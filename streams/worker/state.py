"""The state as the next batch sees it: RocksDB, and over it what is decided but not yet written there."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from rocksdict import Rdict

from streams.worker.batch import Slot, StateTable, overlaid
from streams.worker.errors import StateUnavailable

StoreOf: TypeAlias = Callable[[StateTable, int], Rdict]
"""The database of one partition of a table."""


class State:
    """Values become visible with `show`, when they are decided, and durable with `write`, after the broker
    has their changelog records."""

    def __init__(self, store_of: StoreOf) -> None:
        self._store_of = store_of
        self._unwritten: dict[Slot, bytes | None] = {}

    def get(self, slot: Slot) -> bytes | None:
        if slot in self._unwritten:
            return self._unwritten[slot]
        store = self._store_of(slot.table, slot.partition)
        try:
            value: bytes | None = store.get(slot.key)
        except Exception as error:
            raise _unavailable(store, "read", error) from error
        return value

    def keys(self, table: StateTable, partition: int, prefix: bytes) -> set[bytes]:
        """Looks at all unwritten values, so it is for rare questions."""
        return overlaid(
            _stored_keys(self._store_of(table, partition), prefix), self._unwritten, table, partition, prefix
        )

    def show(self, values: Mapping[Slot, bytes | None]) -> None:
        self._unwritten |= values

    def hide(self, values: Mapping[Slot, bytes | None]) -> None:
        """Take back what `show` has shown, unless a later batch has put another value there."""
        for slot, value in values.items():
            if slot in self._unwritten and self._unwritten[slot] is value:
                del self._unwritten[slot]

    def write(self, values: Mapping[Slot, bytes | None]) -> None:
        for slot, value in values.items():
            store = self._store_of(slot.table, slot.partition)
            try:
                _write(store, slot.key, value)
            except Exception as error:
                raise _unavailable(store, "written", error) from error
        self.hide(values)


def _write(store: Rdict, key: bytes, value: bytes | None) -> None:
    if value is None:
        store.delete(key)
    else:
        store.put(key, value)


def _unavailable(store: Rdict, what: str, error: Exception) -> StateUnavailable:
    """rocksdict raises no narrower class than Exception."""
    return StateUnavailable(f"the state in {store.path()} cannot be {what}: {error}")


def _stored_keys(store: Rdict, prefix: bytes) -> set[bytes]:
    keys = set()
    place = store.iter()
    place.seek(prefix)
    while place.valid() and place.key().startswith(prefix):
        keys.add(place.key())
        place.next()
    try:
        # At a damaged block an iterator ends as if there were nothing more; only its status tells.
        place.status()
    except Exception as error:
        raise _unavailable(store, "read", error) from error
    return keys
