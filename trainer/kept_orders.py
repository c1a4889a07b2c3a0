"""What a customer bought and did not bring back: the rule, on one user's events."""

from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

import msgspec

from streams.contract.messages import Purchase, Return

UserEvent: TypeAlias = Purchase | Return


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
