"""A user's history, pure: history and event in, history out.

The state of a user is the newest orders, in the order of `occurred_at` and then `event_id`, capped by
their number of lines and by bytes. It is a function of the user's events in the order of their offsets: the same
events give the same bytes. That an event came before is known elsewhere (`known_events`): here each
comes once, or again after a crash.
"""

from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from streams.contract.messages import Purchase, Return, id_bytes

MAX_BYTES = 640 << 10
"""Most bytes of an encoded history: well below what a changelog's topic takes (1 MiB), and more than any one order."""
_ORDER_BYTES = 40
"""Of an order beside its ids: its moment, its offset, and what frames it."""
_LINE_BYTES = 12
"""Of a line beside its id: its quantity, and what frames both."""
_LONGEST_ID = 4 * 256
"""What was accepted before ids were limited in bytes had 256 characters."""


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
    """All that is kept of one user. `last_offset` is that of the newest event that was applied."""

    last_offset: int = -1
    orders: list[Order] = []


class Change(NamedTuple):
    """`replayed`: the same record was read again after a crash. Nothing changes, what follows is sent again."""

    history: History
    replayed: bool


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
        return Change(history, replayed=True)
    if isinstance(event, Purchase):
        orders = _capped(_with_order(history.orders, _order(event, offset)), max_lines)
    else:
        orders = _without_returned(history.orders, event)
    return Change(History(offset, orders), replayed=False)


def as_it_was(history: History, offset: int) -> History:
    """The history when the event at `offset` had just been applied, as far as it is still kept."""
    if offset >= history.last_offset:
        return history
    return msgspec.structs.replace(history, orders=[o for o in history.orders if o.offset <= offset])


def _order(event: Purchase, offset: int) -> Order:
    return Order(
        round(event.occurred_at.timestamp() * 1000),
        event.event_id,
        offset,
        [line.item_id for line in event.items],
        [line.quantity for line in event.items],
    )


def _with_order(orders: list[Order], order: Order) -> list[Order]:
    """Late events take their place by time; two at the same instant are ordered by their ids."""
    place = len(orders)
    while place > 0 and _place_in_time(orders[place - 1]) > _place_in_time(order):
        place -= 1
    return [*orders[:place], order, *orders[place:]]


def _place_in_time(order: Order) -> tuple[int, str]:
    return order.occurred_at, order.event_id


def _capped(orders: list[Order], max_lines: int) -> list[Order]:
    """The newest orders that fit, by lines and by bytes, and at least the last lines of the newest one."""
    measured = _most_bytes(orders) > MAX_BYTES and _bytes_by_characters(orders) > MAX_BYTES
    lines, size, first = 0, 0, len(orders)
    while first > 0:
        lines += len(orders[first - 1].item_ids)
        size += _bytes(orders[first - 1]) if measured else 0
        if lines > max_lines or size > MAX_BYTES:
            break
        first -= 1
    if first < len(orders):
        return orders[first:]
    newest = orders[-1]
    shortened = {"item_ids": newest.item_ids[-max_lines:], "quantities": newest.quantities[-max_lines:]}
    return [msgspec.structs.replace(newest, **shortened)]


def _most_bytes(orders: list[Order]) -> int:
    """What orders may take in the encoded state, without a look at their ids."""
    n_lines = sum([len(order.item_ids) for order in orders])
    return len(orders) * (_ORDER_BYTES + _LONGEST_ID) + n_lines * (_LINE_BYTES + _LONGEST_ID)


def _bytes_by_characters(orders: list[Order]) -> int:
    """The same by how long the ids are together: a character has at most four bytes."""
    item_ids = list(chain.from_iterable([order.item_ids for order in orders]))
    n_characters = len("".join(item_ids)) + len("".join([order.event_id for order in orders]))
    return len(orders) * _ORDER_BYTES + len(item_ids) * _LINE_BYTES + 4 * n_characters


def _bytes(order: Order) -> int:
    """What one order takes in the encoded state, at most."""
    lines = sum([_LINE_BYTES + id_bytes(item_id) for item_id in order.item_ids])
    return _ORDER_BYTES + id_bytes(order.event_id) + lines


def _without_returned(orders: list[Order], event: Return) -> list[Order]:
    """Take what was returned out of the order it came from if the event names it, else newest first.

    What was never bought, or is no longer kept, changes nothing.
    """
    orders = list(orders)
    for line in event.items:
        left = line.quantity
        for place in _places(orders, event.purchase_event_id):
            if left <= 0:
                break
            orders[place], left = _take(orders[place], line.item_id, left)
    return [order for order in orders if order.item_ids]


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
            quantities.append(amount - taken if taken else amount)
    return msgspec.structs.replace(order, item_ids=item_ids, quantities=quantities), quantity
