"""What must be true, written from the rules: one record after the other, in plain Python.

It shares no code with the worker. Everything about a user follows from the user's records on `purchases`
in the order of their offsets:

- A record that is no valid event changes nothing.
- An event whose id the user has sent before changes nothing.
- A purchase takes its place among the orders by time, then id. The newest orders that fit into
  `max_lines` lines and MOST_BYTES bytes are kept; of an order that is longer than that, its last lines. An order
  counts 40 bytes and its id, a line 12 bytes and its item's id, in UTF-8.
- A return takes what it names out of the order that it names, else out of the newest orders first.
- An erasure takes away everything: what comes later comes as if from a new user.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, TypeAlias

import msgspec

Order: TypeAlias = list[Any]
"""[occurred_at in unix milliseconds, event_id, offset, item_ids, quantities]"""

MOST_BYTES = 640 * 1024

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Published(NamedTuple):
    """One record of `purchases`."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


class Cause(NamedTuple):
    """The event that a list is made for."""

    user_id: str
    kind: str
    event_id: str


@dataclass
class User:
    """Everything about one user."""

    last_offset: int = -1
    orders: list[Order] = field(default_factory=list)
    log: dict[str, bytes] = field(default_factory=dict)
    last_cause: Cause | None = None

    def history_bytes(self) -> bytes | None:
        """As the worker stores it: MessagePack of [last_offset, orders]."""
        return msgspec.msgpack.encode([self.last_offset, self.orders]) if self.log else None

    @property
    def newest_item(self) -> str | None:
        return self.orders[-1][3][-1] if self.orders else None


class Model:
    """The state after some records. `causes` says for each list that must have been made which item was
    the user's newest then (several, if the event came again after an erasure)."""

    def __init__(self, max_lines: int) -> None:
        self._max_lines = max_lines
        self.users: dict[str, User] = {}
        self.causes: dict[Cause, set[str | None]] = {}
        self.n_invalid = 0
        self.n_repeated = 0
        self.n_erasures = 0
        self.n_anew = 0
        """Events that came again after an erasure, and so as if for the first time."""

    def take_all(self, records: Iterable[Published]) -> "Model":
        """Records of one partition must come in the order of their offsets."""
        for record in records:
            self.take(record)
        return self

    def take(self, record: Published) -> None:
        event = valid_event(record)
        if event is None:
            self.n_invalid += 1
        elif event["type"] == "erasure":
            self.n_erasures += 1
            self.users[event["user_id"]] = User()
        else:
            self._accept(event, record)

    def log(self) -> dict[tuple[str, str], bytes]:
        """Every accepted event of users who were not erased since, as it was sent."""
        return {(name, id_): value for name, user in self.users.items() for id_, value in user.log.items()}

    def _accept(self, event: dict[str, Any], record: Published) -> None:
        user = self.users.setdefault(event["user_id"], User())
        if event["event_id"] in user.log:
            self.n_repeated += 1
            return
        if event["type"] == "purchase":
            user.orders = capped(sorted([*user.orders, _order(event, record.offset)], key=_place), self._max_lines)
        else:
            _take_back(user.orders, event)
            user.orders = [order for order in user.orders if order[3]]
        user.last_offset = record.offset
        user.log[event["event_id"]] = record.value or b""
        user.last_cause = Cause(event["user_id"], event["type"], event["event_id"])
        self.n_anew += user.last_cause in self.causes
        self.causes.setdefault(user.last_cause, set()).add(user.newest_item)


def valid_event(record: Published) -> dict[str, Any] | None:
    """The event in a record; None where it breaks a rule of the contract (those that the loads break)."""
    try:
        event = json.loads(record.value or b"")
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("type") not in {"purchase", "return", "erasure"}:
        return None
    rules = (_has_its_fields, _has_its_key, _is_small_enough)
    return event if all(rule(event, record) for rule in rules) else None


def _has_its_fields(event: dict[str, Any], record: Published) -> bool:
    named = all(isinstance(event.get(name), str) and event[name] for name in ("event_id", "user_id", "occurred_at"))
    return named and _possible_time(event["occurred_at"]) and bool(event["type"] == "erasure" or event.get("items"))


def _has_its_key(event: dict[str, Any], record: Published) -> bool:
    return bool((record.key or b"") == event["user_id"].encode())


def _is_small_enough(event: dict[str, Any], record: Published) -> bool:
    ids = [event["event_id"], event["user_id"], *(line["item_id"] for line in event.get("items", []))]
    return len(record.value or b"") <= 1_000_000 and all(len(each.encode()) <= 256 for each in ids)


def _possible_time(text: str) -> bool:
    moment = datetime.fromisoformat(text)
    return moment.tzinfo is not None and EPOCH <= moment <= datetime.now(UTC) + timedelta(days=1)


def _order(event: dict[str, Any], offset: int) -> Order:
    at = (datetime.fromisoformat(event["occurred_at"]) - EPOCH) // MILLISECOND
    quantities = [line.get("quantity", 1) for line in event["items"]]
    return [at, event["event_id"], offset, [line["item_id"] for line in event["items"]], quantities]


def _place(order: Order) -> tuple[int, str]:
    return order[0], order[1]


def capped(orders: list[Order], max_lines: int) -> list[Order]:
    """The newest orders whose lines fit together, or the last lines of the newest one."""
    kept: list[Order] = []
    room, bytes_left = max_lines, MOST_BYTES
    for order in reversed(orders):
        room -= len(order[3])
        bytes_left -= 40 + len(order[1].encode()) + sum(12 + len(item_id.encode()) for item_id in order[3])
        if room < 0 or bytes_left < 0:
            break
        kept.insert(0, order)
    if not kept:
        at, event_id, offset, item_ids, quantities = orders[-1]
        return [[at, event_id, offset, item_ids[-max_lines:], quantities[-max_lines:]]]
    return kept


def _take_back(orders: list[Order], event: dict[str, Any]) -> None:
    for line in event["items"]:
        to_take = line.get("quantity", 1)
        for order in reversed(orders):
            if event.get("purchase_event_id") in {None, order[1]}:
                to_take = _take_from(order, line["item_id"], to_take)


def _take_from(order: Order, item_id: str, to_take: int | float) -> int | float:
    """Take from the order's lines of an item, first line first; what is still to be taken."""
    left = []
    for bought, quantity in zip(order[3], order[4], strict=True):
        taken = min(quantity, to_take) if bought == item_id else 0
        to_take -= taken
        if taken < quantity:
            left.append((bought, quantity - taken if taken else quantity))
    order[3], order[4] = [bought for bought, _ in left], [quantity for _, quantity in left]
    return to_take
