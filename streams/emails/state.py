"""Everything that must survive a crash, in one RocksDB: standings, addresses, products, and the places on the topics.

A step collects all changes that belong together and writes them in one batch, the places of the records that led to
them included. So whenever the process is killed, the state is that of a whole number of steps, and reading goes on
behind the last of them.

    s user           the customer's standing
    a user           what the shop says of the customer, the address among it, and when it was said
    d moment user    the customer is to be looked at then
    i item           a product
    p topic/number   the next record to be read there
    c user           a tombstone that is not yet on the topic of customers
    e user, event    an event (empty: its tombstone) that is not yet on the topic
    x user, event    an email that was given up and is not yet a dead letter
    l user           a link was followed of a customer who was not known then; it is to be asked again
    k user, event    an event that is on the topic, or on its way, so that an erasure finds it
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rocksdict import Options, Rdict, WriteBatch

from streams.contract import email_messages, messages, topics
from streams.contract.email_messages import Customer, EmailEvent
from streams.contract.messages import Item
from streams.contract.topics import Topic
from streams.emails import standing as standings
from streams.emails.errors import StateInUse
from streams.emails.standing import Standing

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@contextmanager
def opened(folder: Path, listed: Mapping[str, Customer] | None = None) -> Iterator["State"]:
    """The state in a folder, made where there is none; StateInUse where it cannot be used.

    `listed` are customers from elsewhere than the topic; they are not written into it.
    """
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        database = Rdict(str(folder), options)
    except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
        raise StateInUse(
            f"emails.datadir {folder} cannot be used: {error}; if another nextup emails runs, one of them needs "
            "another folder"
        ) from None
    try:
        yield State(database, listed or {})
    finally:
        database.close()


class Untold(NamedTuple):
    """A record that is to be published; a value of None is a tombstone."""

    topic: Topic
    key: bytes
    value: bytes | None


_TOLD = {b"e": topics.EMAIL_EVENTS, b"c": topics.CUSTOMERS, b"x": topics.DEAD_LETTERS}


class State:
    """Reads what the last step has left; changes are made by steps alone."""

    def __init__(self, database: Rdict, listed: Mapping[str, Customer]) -> None:
        self._database = database
        self._listed = listed
        # Whoever was due is deleted here in the order of keys, and a scan would pass all that again and again.
        self._nobody_before = b"d"

    def step(self) -> "Step":
        return Step(self._database, self._listed, self._expect)

    def place(self, topic: str, partition: int) -> int | None:
        """The offset to go on from; None where nothing was read yet."""
        found: bytes | None = self._database.get(_place_key(topic, partition))
        return None if found is None else int.from_bytes(found)

    def due(self, now: datetime, most: int) -> list[str]:
        """The customers who are to be looked at by now, longest overdue first."""
        end = b"d" + _micros(now + _MICROSECOND)
        found = [key for key, _ in islice(_scan(self._database, self._nobody_before, end), most)]
        self._nobody_before = found[0] if found else max(self._nobody_before, end)
        return [key[9:].decode() for key in found]

    def untold(self, most: int) -> list[Untold]:
        """What is to be published, no matter in which order."""
        kept = (
            Untold(topic, key[1:], value or None)
            for kind, topic in _TOLD.items()
            for key, value in _scan(self._database, kind, kind + b"\xff")
        )
        return list(islice(kept, most))

    def customers(self) -> Iterator[tuple[str, Standing]]:
        """Every customer of whom anything is known, by id."""
        for key, value in _scan(self._database, b"s", b"t"):
            yield key[1:].decode(), standings.decode(value)

    def _expect(self, key: bytes) -> None:
        self._nobody_before = min(self._nobody_before, key)

    def dump(self) -> Iterator[tuple[bytes, bytes]]:
        """Everything there is."""
        return _scan(self._database, b"", b"\xff")


class Step:
    """Changes that are made together or not at all. What it has changed it reads as changed."""

    def __init__(self, database: Rdict, listed: Mapping[str, Customer], expect: Callable[[bytes], None]) -> None:
        self._database = database
        self._listed = listed
        self._expect = expect
        self._changes: dict[bytes, bytes | None] = {}
        self._before: dict[str, Standing] = {}
        self._standings: dict[str, Standing] = {}

    def standing(self, user_id: str) -> Standing:
        """What is known of a customer; an empty standing where that is nothing."""
        if user_id not in self._standings:
            found = self._database.get(b"s" + user_id.encode())
            self._before[user_id] = self._standings[user_id] = standings.decode(found) if found else Standing()
        return self._standings[user_id]

    def keep(self, user_id: str, standing: Standing) -> None:
        self.standing(user_id)
        self._standings[user_id] = standing

    def customer(self, user_id: str) -> Customer | None:
        """What the shop says of a customer; None where that is nothing."""
        found = self._read(b"a" + user_id.encode())
        return email_messages.customer.decode(found[8:]) if found else self._listed.get(user_id)

    def keep_customer(self, user_id: str, customer: Customer | None, said_at: datetime) -> None:
        value = None if customer is None else _micros(said_at) + messages.encode(customer)
        self._changes[b"a" + user_id.encode()] = value

    def item(self, item_id: str) -> Item:
        """The product; one that the shop has not described is available and has no title."""
        found = self._read(b"i" + item_id.encode())
        return Item(item_id) if found is None else messages.item.decode(found)

    def keep_item(self, item_id: str, item: Item | None) -> None:
        self._changes[b"i" + item_id.encode()] = None if item is None else messages.encode(item)

    def tell(self, event: EmailEvent) -> None:
        """Have the event published."""
        key = messages.log_key(event.user_id, event.event_id)
        self._changes[b"e" + key] = messages.encode(event)

    def bury(self, event: EmailEvent) -> None:
        """Have a dead letter published about an email that was given up."""
        self._changes[b"x" + messages.log_key(event.user_id, event.event_id)] = messages.encode(event)

    def told(self, record: Untold) -> None:
        """This was published, unless something else is to be published under its key by now."""
        kind = next(kind for kind, topic in _TOLD.items() if topic is record.topic)
        if (self._read(kind + record.key) or None) != record.value:
            return
        self._changes[kind + record.key] = None
        if record.topic is topics.EMAIL_EVENTS:
            self.is_on_topic(record.key, there=record.value is not None)

    def is_on_topic(self, key: bytes, *, there: bool) -> None:
        """Remember the key of an event on the topic, or that a tombstone took it back."""
        self._changes[b"k" + key] = b"" if there else None

    def doubt(self, user_id: str) -> None:
        """Remember that events came by links of a customer of whom nothing was known."""
        self._changes[b"l" + user_id.encode()] = b""

    def doubted(self) -> list[str]:
        """The customers of whom nothing was known; each is named this once."""
        keys = list(self._keys(b"l"))
        self._changes |= dict.fromkeys(keys)
        return [key[1:].decode() for key in keys]

    def forget(self, user_id: str, said_at: datetime) -> None:
        """Leave nothing of a customer but tombstones that are to be published.

        An address stays that the shop has given after `said_at`, when the erasure was said: the topics are
        read side by side, and that customer has come back.
        """
        self.keep(user_id, Standing())
        self._changes[b"l" + user_id.encode()] = None
        address = self._read(b"a" + user_id.encode())
        if address and address[:8] <= _micros(said_at):
            self._changes[b"a" + user_id.encode()] = None
            self._changes[b"c" + user_id.encode()] = b""
        prefix = messages.log_key_prefix(user_id)
        for key in {key[1:] for kind in (b"e", b"k", b"x") for key in self._keys(kind + prefix)}:
            self._changes[b"e" + key] = b""
            self._changes[b"k" + key] = None
            self._changes[b"x" + key] = None

    def move_to(self, topic: str, partition: int, offset: int) -> None:
        """The next record to be read there."""
        self._changes[_place_key(topic, partition)] = offset.to_bytes(8)

    def write(self) -> None:
        """Make the changes: they outlive this process, and soon the machine's power as well."""
        for user_id, standing in self._standings.items():
            if standing != self._before[user_id]:
                self._change_standing(user_id, self._before[user_id], standing)
        batch = WriteBatch(raw_mode=True)
        for key, value in self._changes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        self._database.write(batch)

    def _change_standing(self, user_id: str, before: Standing, after: Standing) -> None:
        user = user_id.encode()
        if before.look_at is not None:
            self._changes[b"d" + _micros(before.look_at) + user] = None
        if after.look_at is not None:
            due = b"d" + _micros(after.look_at) + user
            self._changes[due] = b""
            self._expect(due)
        self._changes[b"s" + user] = None if after == Standing() else standings.encode(after)

    def _read(self, key: bytes) -> bytes | None:
        if key in self._changes:
            return self._changes[key]
        found: bytes | None = self._database.get(key)
        return found

    def _keys(self, prefix: bytes) -> Iterator[bytes]:
        for key, _ in _scan(self._database, prefix, prefix + b"\xff"):
            if self._changes.get(key, b"") is not None:
                yield key
        yield from [key for key, value in self._changes.items() if key.startswith(prefix) and value is not None]


def _scan(database: Rdict, start: bytes, end: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Keys from `start` up to, not including, `end`, in order."""
    place = database.iter()
    place.seek(start)
    while place.valid() and place.key() < end:
        yield place.key(), place.value()
        place.next()
    # An iterator ends at a damaged block as if it were the last one; only its status tells.
    place.status()


def _micros(moment: datetime) -> bytes:
    """Sorts as the moments do."""
    return ((moment - _EPOCH) // _MICROSECOND).to_bytes(8)


def _place_key(topic: str, partition: int) -> bytes:
    return f"p{topic}/{partition}".encode()
