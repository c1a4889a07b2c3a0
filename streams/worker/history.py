"""A user's history, pure: history and event in, history out.

The state of a user is the newest orders, in the order of `occurred_at` and then `event_id`, capped by
their number of lines, and the ids of the events that are no longer (or never were) among them, so that
an event that comes twice is recognised. The same events in the same order give the same bytes.
"""

import hashlib
from enum import Enum
from typing import NamedTuple

import msgspec
from msgspec import Struct

from streams.contract.messages import Purchase, Return

DIGEST_BYTES = 8
MAX_SEEN = 512
"""Most ids that are remembered beside the kept orders; 8 bytes each."""


class Order(Struct, frozen=True, array_like=True):
    """One past purchase: when (unix milliseconds), and what, in the shop's order of lines.

    `offset` is the event's place in its partition of `purchases`: the history as it was when the event
    came in is the orders with no larger offset.
    """

    occurred_at: int
    event_id: str
    offset: int
    item_ids: list[str]
    quantities: list[int | float]


class History(Struct, frozen=True, array_like=True):
    """All that is kept of one user. `last_offset` is the newest event that was applied, `seen` the
    digests of the events that `orders` does not show, oldest first."""

    last_offset: int = -1
    orders: list[Order] = []
    seen: bytes = b""


class Effect(Enum):
    """What an event did to a history."""

    APPLIED = "applied"
    REPEATED = "repeated"
    """The shop sent the same event again: nothing changes."""
    REPLAYED = "replayed"
    """The same record was read again after a crash: nothing changes, what follows is to be sent again."""


class Change(NamedTuple):
    history: History
    effect: Effect


_decoder = msgspec.msgpack.Decoder(History)
_encoder = msgspec.msgpack.Encoder()


def decode(state: bytes | None) -> History:
    return _decoder.decode(state) if state else History()


def encode(history: History) -> bytes:
    return _encoder.encode(history)


def apply(history: History, event: Purchase | Return, offset: int, max_lines: int) -> Change:
    """The history after an event that stands at `offset` of the user's partition.

    All events of a user come through one partition in order, so an offset that is not beyond
    `last_offset` was applied before.
    """
    if offset <= history.last_offset:
        return Change(history, Effect.REPLAYED)
    if is_known(history, event.event_id):
        return Change(msgspec.structs.replace(history, last_offset=offset), Effect.REPEATED)
    if isinstance(event, Purchase):
        changed = _with_order(history, _order(event, offset), max_lines)
    else:
        changed = _remember(_without_returned(history, event), event.event_id)
    return Change(msgspec.structs.replace(changed, last_offset=offset), Effect.APPLIED)


def as_it_was(history: History, offset: int) -> History:
    """The history when the event at `offset` had just been applied, as far as it is still kept."""
    if offset >= history.last_offset:
        return history
    return msgspec.structs.replace(history, orders=[o for o in history.orders if o.offset <= offset])


def is_known(history: History, event_id: str) -> bool:
    if any(order.event_id == event_id for order in history.orders):
        return True
    digest = _digest(event_id)
    seen = history.seen
    return any(seen[i : i + DIGEST_BYTES] == digest for i in range(0, len(seen), DIGEST_BYTES))


def _order(event: Purchase, offset: int) -> Order:
    return Order(
        round(event.occurred_at.timestamp() * 1000),
        event.event_id,
        offset,
        [line.item_id for line in event.items],
        [line.quantity for line in event.items],
    )


def _with_order(history: History, order: Order, max_lines: int) -> History:
    """Late events take their place by time; two at the same instant are ordered by their ids."""
    orders = list(history.orders)
    place = len(orders)
    while place > 0 and (orders[place - 1].occurred_at, orders[place - 1].event_id) > (
        order.occurred_at,
        order.event_id,
    ):
        place -= 1
    orders.insert(place, order)
    return _capped(msgspec.structs.replace(history, orders=orders), max_lines)


def _capped(history: History, max_lines: int) -> History:
    """The newest orders that fit, and at least a part of the newest one."""
    kept = 0
    first = len(history.orders)
    while first > 0 and kept + len(history.orders[first - 1].item_ids) <= max_lines:
        first -= 1
        kept += len(history.orders[first].item_ids)
    if first == 0:
        return history
    if first == len(history.orders):
        first -= 1
        newest = history.orders[first]
        orders = [
            msgspec.structs.replace(
                newest, item_ids=newest.item_ids[-max_lines:], quantities=newest.quantities[-max_lines:]
            )
        ]
    else:
        orders = history.orders[first:]
    dropped = b"".join(_digest(order.event_id) for order in history.orders[:first])
    return msgspec.structs.replace(history, orders=orders, seen=_newest_seen(history.seen + dropped))


def _without_returned(history: History, event: Return) -> History:
    """Take what was returned out of the order it came from if the event names it, else newest first.

    What was never bought, or is no longer kept, changes nothing.
    """
    orders = list(history.orders)
    for line in event.items:
        left = line.quantity
        for place in _places(orders, event.purchase_event_id):
            if left <= 0:
                break
            orders[place], left = _take(orders[place], line.item_id, left)
    emptied = b"".join(_digest(order.event_id) for order in orders if not order.item_ids)
    return msgspec.structs.replace(
        history, orders=[order for order in orders if order.item_ids], seen=_newest_seen(history.seen + emptied)
    )


def _places(orders: list[Order], purchase_event_id: str | None) -> list[int]:
    newest_first = range(len(orders) - 1, -1, -1)
    if purchase_event_id is None:
        return list(newest_first)
    return [place for place in newest_first if orders[place].event_id == purchase_event_id]


def _take(order: Order, item_id: str, quantity: int | float) -> tuple[Order, int | float]:
    """The order without up to `quantity` of an item, and how much of it is still to be taken."""
    if item_id not in order.item_ids:
        return order, quantity
    item_ids, quantities = [], []
    for bought, amount in zip(order.item_ids, order.quantities, strict=True):
        taken = min(amount, quantity) if bought == item_id else 0
        quantity -= taken
        if taken < amount:
            item_ids.append(bought)
            quantities.append(amount - taken)
    return msgspec.structs.replace(order, item_ids=item_ids, quantities=quantities), quantity


def _remember(history: History, event_id: str) -> History:
    return msgspec.structs.replace(history, seen=_newest_seen(history.seen + _digest(event_id)))


def _newest_seen(seen: bytes) -> bytes:
    return seen[-MAX_SEEN * DIGEST_BYTES :]


def _digest(event_id: str) -> bytes:
    return hashlib.blake2b(event_id.encode(), digest_size=DIGEST_BYTES).digest()
