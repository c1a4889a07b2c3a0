"""The compacted log into columns: every line that was bought and kept, by time.

The log holds each accepted event once, under its key, and may still repeat some: the last one counts.
It says nothing about the order of a user's events, so they are put in the order of `occurred_at` and
then `event_id`, which is the order that the worker keeps.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np

from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Purchase, Return, decode_event, user_key
from streams.contract.reading import read_to_end
from streams.contract.topics import PURCHASE_LOG
from trainer.errors import NotEnoughData
from trainer.numbering import Ids, SourceLines, numbered
from trainer.progress import Progress, counted
from trainer.purchases import Purchases

UserEvent: TypeAlias = Purchase | Return


class PurchaseHistory(NamedTuple):
    """What the shop's customers bought and did not bring back."""

    purchases: Purchases
    n_events: int
    """Purchases and returns that were read."""
    n_unreadable: int = 0
    """Records of the log that are neither, and were left out."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The items by their index in `purchases`."""
        return Vocabulary(self.purchases.item_ids)

    @property
    def n_orders(self) -> int:
        """How many purchases there are of which something is left."""
        return len(self.purchases.order_starts)


class KeptLine(msgspec.Struct):
    """One line of an order, and how much of it the customer still has."""

    item_id: str
    quantity: float
    price: float | None


class KeptOrder(NamedTuple):
    """One purchase, without what came back."""

    event_id: str
    bought_at: int
    """Unix time, milliseconds: rounded as the worker rounds."""
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
    users = {user_id: kept_orders(events_of[user_id]) for user_id in sorted(events_of)}
    return PurchaseHistory(_columns(users), len(log) - n_unreadable, n_unreadable)


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
            orders.append(KeptOrder(event.event_id, round(event.occurred_at.timestamp() * 1000), lines))
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


def _columns(users: Mapping[str, list[KeptOrder]]) -> Purchases:
    """All users' orders in the order of time."""
    rows = [
        (user_id, line.item_id, order.bought_at, line.quantity, math.nan if line.price is None else line.price)
        for user_id, orders in users.items()
        for order in orders
        for line in order.lines
    ]
    if not rows:
        raise NotEnoughData("the purchase log holds no purchase; publish some first: nextup publish FILE")
    user_id, item_id, at, quantity, price = zip(*rows, strict=True)
    sizes = [len(order.lines) for orders in users.values() for order in orders]
    number = np.repeat(np.arange(len(sizes)), sizes)
    return numbered(
        SourceLines(
            _ids(user_id),
            _ids(item_id),
            np.array(at) * 1_000,
            number,
            np.array(quantity, np.float32),
            np.array(price, np.float32),
        )
    )


def _ids(texts: Sequence[str]) -> Ids:
    distinct, code = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return Ids(code, distinct.tolist())
