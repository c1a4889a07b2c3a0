"""The gateway's own copy of what is on the topics, in RocksDB: records, and how far each partition was read.

Both are written in one batch, so that after a crash the copy is as old as its offsets say and no older. All of
it can be read from the topics again: a copy that is damaged is thrown away and made anew.
"""

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, cast

import msgspec
from rocksdict import BlockBasedOptions, Cache, DbClosedError, Options, Rdict, RdictIter, ReadOptions, WriteBatch

from streams.gateway.errors import StoreUnavailable

log = logging.getLogger(__name__)

DATABASE = "views.db"
SUSPECT = ".suspect"
"""Lies in the folder when a read or a write failed: the next start then makes the copy anew."""
CACHE_BYTES = 32 << 20
WRITE_BUFFER_BYTES = 16 << 20

_OFFSETS = b"offset/"
_ORIGIN = b"origin"
_IN_USE = ("lock hold by current process", "While lock file")


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


class Change(NamedTuple):
    """What one record does to the copy: the newest value of a key, or None where the key is gone."""

    key: bytes
    value: bytes | None


class Store:
    """Keys to values, and the next offset of each partition. Any thread may read; one writes."""

    def __init__(self, folder: Path) -> None:
        """Raises StoreUnavailable where the folder cannot be used or is another process's."""
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreUnavailable(f"gateway.datadir {folder} cannot be made: {error.strerror}") from None
        self._database = self._opened()

    def get(self, key: bytes) -> bytes | None:
        with self._watched("read"):
            value: bytes | None = self._database.get(key)
            return value

    def under(self, prefix: bytes) -> list[tuple[bytes, bytes]]:
        """All keys that begin with `prefix`, in order, with their values."""
        options = ReadOptions()
        options.set_iterate_upper_bound(_next_prefix(prefix))
        with self._watched("read"):
            return list(_read(self._database.iter(options), prefix))

    def write(self, changes: Iterable[Change], offsets: Mapping[Place, int]) -> None:
        """Take over some changes and where reading goes on behind them, both or neither."""
        batch = WriteBatch(raw_mode=True)
        for change in changes:
            if change.value is None:
                batch.delete(change.key)
            else:
                batch.put(change.key, change.value)
        for place, offset in offsets.items():
            batch.put(_OFFSETS + msgspec.json.encode(place), b"%d" % offset)
        with self._watched("written"):
            self._database.write(batch)

    def offsets(self) -> dict[Place, int]:
        """Where reading goes on."""
        prefix = len(_OFFSETS)
        return {msgspec.json.decode(key[prefix:], type=Place): int(offset) for key, offset in self.under(_OFFSETS)}

    @property
    def origin(self) -> bytes:
        """What the copy was made from, as it was last noted."""
        return self.get(_ORIGIN) or b""

    def note_origin(self, origin: bytes) -> None:
        self.write([Change(_ORIGIN, origin)], {})

    def clear(self) -> None:
        """Begin with nothing."""
        self._database.close()
        shutil.rmtree(self._folder / DATABASE)
        self._database = self._opened()

    def close(self) -> None:
        self._database.close()

    def _opened(self) -> Rdict:
        suspect = self._folder / SUSPECT
        if suspect.exists():
            self._throw_away("it could not be read or written when it was last used")
        try:
            database = Rdict(str(self._folder / DATABASE), _options())
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            if any(words in str(error) for words in _IN_USE):
                raise StoreUnavailable(
                    f"gateway.datadir {self._folder} is in use by another process; give each gateway one of its own"
                ) from None
            self._throw_away(str(error))
            database = self._new()
        suspect.unlink(missing_ok=True)
        return database

    def _throw_away(self, reason: str) -> None:
        log.warning("the local view in %s is thrown away and made anew from the topics: %s", self._folder, reason)
        path = self._folder / DATABASE
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def _new(self) -> Rdict:
        try:
            return Rdict(str(self._folder / DATABASE), _options())
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            raise StoreUnavailable(f"gateway.datadir {self._folder} cannot be used: {error}") from None

    @contextmanager
    def _watched(self, what: str) -> Iterator[None]:
        try:
            yield
        except DbClosedError:
            raise StoreUnavailable("the gateway is ending; ask again") from None
        except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
            (self._folder / SUSPECT).touch()
            raise StoreUnavailable(
                f"the local view in {self._folder} cannot be {what}: {error}; the next start makes it anew"
            ) from None


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # Opens every table at the start, which finds damaged ones then and not later.
    options.set_max_open_files(-1)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(CACHE_BYTES))
    options.set_block_based_table_factory(tables)
    return options


def _read(place: RdictIter, start: bytes) -> Iterator[tuple[bytes, bytes]]:
    place.seek(start)
    while place.valid():
        yield cast("bytes", place.key()), place.value()
        place.next()
    # An iterator ends at a damaged block as if it were the last one; only its status tells.
    place.status()


def _next_prefix(prefix: bytes) -> bytes:
    """The smallest key behind all that begin with `prefix`, whose last byte is not the largest one."""
    return prefix[:-1] + bytes([prefix[-1] + 1])
