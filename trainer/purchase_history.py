"""The compacted log into columns: every line that was bought and kept, by user and time.

The log holds each accepted event once, under its key, and may still repeat some: the last one counts.
It says nothing about the order of a user's events, so they are put in the order of `occurred_at` and
then `event_id`, which is the order that the worker keeps.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np

from serving.features import Int32s, LineColumns
from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Purchase, Return, decode_event, user_key
from streams.contract.reading import read_to_end
from streams.contract.topics import PURCHASE_LOG
from trainer.errors import NotEnoughData
from trainer.progress import Progress, counted

UserEvent: TypeAlias = Purchase | Return


class PurchaseHistory(NamedTuple):
    """What the shop's customers bought and did not bring back: n lines, by user, then by time."""

    vocabulary: Vocabulary
    user: Int32s
    """Number of the user, counted upwards from 0: [n]."""
    lines: LineColumns
    n_events: int
    """Purchases and returns that were read."""
    n_unreadable: int = 0
    """Records of the log that are neither, and were left out."""


class KeptLine(msgspec.Struct):
    """One line of an order, and how much of it the customer still has."""

    item_id: str
    quantity: float
    price: float | None


class KeptOrder(NamedTuple):
    """One purchase, without what came back."""

    event_id: str
    bought_at: int
    lines: list[KeptLine]


def read(connection: KafkaConnection, progress: Progress) -> PurchaseHistory:
    """The whole log as of now."""
    return from_log(read_log(connection, progress))


def read_log(connection: KafkaConnection, progress: Progress) -> dict[bytes, bytes]:
    """What the log holds under its keys as of now."""
    log: dict[bytes, bytes] = {}
    for message in counted(read_to_end(connection, connection.topic_prefix + PURCHASE_LOG.name), progress.advanced):
        key, value = message.key() or b"", message.value()
        if value:
            log[key] = value
        else:
            log.pop(key, None)
    return log


def from_log(log: Mapping[bytes, bytes]) -> PurchaseHistory:
    """The columns of what the log holds under its keys; NotEnoughData where it holds no purchase."""
    events_of, n_unreadable = events_by_user(log)
    users = [kept_orders(events_of[user_id]) for user_id in sorted(events_of)]
    return _columns(users, len(log) - n_unreadable, n_unreadable)


def events_by_user(log: Mapping[bytes, bytes]) -> tuple[dict[str, list[UserEvent]], int]:
    """Each user's purchases and returns, and how many records are neither."""
    events_of: dict[str, list[UserEvent]] = defaultdict(list)
    n_unreadable = 0
    now = datetime.now(UTC)
    for key, value in log.items():
        try:
            event = _decode(key, value, now)
        except InvalidEvent:
            n_unreadable += 1
        else:
            events_of[event.user_id].append(event)
    return events_of, n_unreadable


def n_orders(history: PurchaseHistory) -> int:
    """How many purchases there are of which something is left."""
    orders = np.stack([history.user, history.lines.order])
    return int((orders[:, 1:] != orders[:, :-1]).any(axis=0).sum()) + 1


def _decode(key: bytes, value: bytes, now: datetime) -> UserEvent:
    try:
        user_id, _ = msgspec.json.decode(key, type=tuple[str, str])
    except msgspec.MsgspecError as error:
        raise InvalidEvent("malformed", f"the log key {key!r} is not [user_id, event_id]: {error}", "key") from None
    event = decode_event(user_key(user_id), value, now)
    if not isinstance(event, Purchase | Return):
        raise InvalidEvent("unknown-type", "the log holds purchases and returns alone", "type")
    return event


def kept_orders(events: Iterable[UserEvent]) -> list[KeptOrder]:
    """One user's orders, oldest first, without what came back; an order of which nothing is left is gone."""
    orders: list[KeptOrder] = []
    for event in sorted(events, key=lambda event: (event.occurred_at, event.event_id)):
        if isinstance(event, Purchase):
            lines = [KeptLine(line.item_id, line.quantity, line.price) for line in event.items]
            orders.append(KeptOrder(event.event_id, int(event.occurred_at.timestamp()), lines))
        else:
            _take_back(orders, event)
    return [order for order in orders if order.lines]


def _take_back(orders: list[KeptOrder], event: Return) -> None:
    """Out of the order that the return names, or else newest first; what was never bought changes nothing."""
    named = event.purchase_event_id
    places = [order for order in reversed(orders) if named in (None, order.event_id)]
    for returned in event.items:
        left: float = returned.quantity
        for order in places:
            left = _take_from(order, returned.item_id, left)


def _take_from(order: KeptOrder, item_id: str, quantity: float) -> float:
    """Takes up to `quantity` of an item out of an order; how much is still to be taken."""
    for line in order.lines:
        if quantity > 0 and line.item_id == item_id:
            taken = min(line.quantity, quantity)
            line.quantity -= taken
            quantity -= taken
    order.lines[:] = [line for line in order.lines if line.quantity > 0]
    return quantity


def _columns(users: list[list[KeptOrder]], n_events: int, n_unreadable: int) -> PurchaseHistory:
    rows = [
        (user, order_number, order.bought_at, line.item_id)
        for user, orders in enumerate(users)
        for order_number, order in enumerate(orders)
        for line in order.lines
    ]
    if not rows:
        raise NotEnoughData("the purchase log holds no purchase; publish some first: nextup publish FILE")
    user, order, bought_at, item_id = zip(*rows, strict=True)
    vocabulary = Vocabulary(sorted(set(item_id)))
    lines = LineColumns(vocabulary.indexes(item_id), np.array(bought_at, np.int64), np.array(order, np.int32))
    return PurchaseHistory(vocabulary, np.array(user, np.int32), lines, n_events, n_unreadable)
