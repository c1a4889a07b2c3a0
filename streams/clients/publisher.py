"""Publish what customers buy, and what the shop sells."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

from streams.clients.delivery import Delivery, Receipt, RecordSender
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import Undelivered
from streams.contract.messages import Event, Item

log = logging.getLogger(__name__)

M = TypeVar("M")


class Record(NamedTuple):
    """A message as it will lie on its topic, and the id that names it in errors."""

    id: str
    key: bytes
    value: bytes


class _Publisher(Generic[M]):
    """What the publishers of this module share; each names its topic and how a message is checked."""

    topic: str
    _record: Callable[[M], Record]

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        delivery_timeout_s: float = 30.0,
        queue_timeout_s: float = 30.0,
        **settings: Any,
    ) -> None:
        """Connect. Raises BrokerUnavailable or TopicMismatch where there is nothing to publish to.

        A message that no broker took within `delivery_timeout_s` has failed. `queue_timeout_s` bounds
        how long `publish` waits when too many messages are on their way. `settings` are librdkafka's
        own, with _ for dots, and win over ours.
        """
        self._sender = RecordSender(connection, self.topic, delivery_timeout_s, queue_timeout_s, **settings)

    def publish(self, message: M) -> Delivery:
        """Check one message and send it on its way.

        Returns at once, or, where too many are on their way, as soon as there is room. Raises
        InvalidEvent, which names the field, for a message that would be refused: nothing is sent then.
        """
        return self._sender.send(*self._record(message))

    def publish_and_wait(self, message: M) -> Receipt:
        """Publish one message and return once it has arrived; raises where it does not."""
        return self.publish(message).result()

    async def publish_async(self, message: M) -> Receipt:
        """As `publish_and_wait`, for an event loop: neither room nor arrival is waited for by blocking it."""
        return await (await self._sender.send_async(*self._record(message)))

    def flush(self, timeout_s: float = 30.0) -> int:
        """Wait until all has arrived or failed; how many messages are still on their way."""
        return self._sender.flush(timeout_s)

    def close(self, timeout_s: float = 30.0) -> None:
        """Deliver what is on its way; raises Undelivered, with the ids, where any message never arrived."""
        self._sender.close(timeout_s)

    def __len__(self) -> int:
        """Messages on their way."""
        return len(self._sender)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._leave(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self._leave, error)

    def _leave(self, error: BaseException | None) -> None:
        try:
            self.close()
        except Undelivered as undelivered:
            if error is None:
                raise
            # What already went wrong is the reader's first concern; this must not take its place.
            log.error("%s", undelivered)


class PurchasePublisher(_Publisher[Event]):
    """Sends purchases, returns and erasures to `purchases`, each once, in order per customer.

    >>> order = Purchase("order-1", "customer-7", datetime.now(UTC), [Line("22613", quantity=12, price=0.85)])
    >>> with PurchasePublisher(kafka) as publisher:
    ...     delivery = publisher.publish(order)
    >>> delivery.result().topic.endswith("purchases")
    True

    Open one and keep it: its first delivery can take half a second, because the broker must first give
    it the id by which repeats are recognised. Leaving the block waits for deliveries. `publish(event)`
    returns a Delivery: call `.result()` or `await` it to know that the event is safe, or use
    `publish_and_wait` and `publish_async`. With 20,000 events or 64 MiB on their way, publishing waits.

    In an event loop, `async with` leaves the block without stopping it. The constructor itself waits for a
    first answer of the broker, some milliseconds as a rule: call it by `asyncio.to_thread` where that is
    too long.

    >>> async def publish_all(orders):
    ...     async with await asyncio.to_thread(PurchasePublisher, kafka) as publisher:
    ...         return await asyncio.gather(*(publisher.publish_async(order) for order in orders))
    >>> [receipt] = asyncio.run(publish_all([order]))
    >>> receipt.offset
    1

    An event that would be refused is not sent:

    >>> with PurchasePublisher(kafka) as publisher:
    ...     publisher.publish(Purchase("order-2", "customer-7", datetime.now(UTC), [Line("22613", quantity=0)]))
    Traceback (most recent call last):
    streams.contract.errors.InvalidEvent: items[0].quantity: Expected `int` > 0
    """

    topic = topics.PURCHASES.name

    def _record(self, event: Event) -> Record:
        value = messages.check(event, datetime.now(UTC))
        return Record(event.event_id, messages.user_key(event.user_id), value)


class CataloguePublisher(_Publisher[Item]):
    """Sends the shop's products to `items`: the newest message of an item replaces the ones before.

    >>> with CataloguePublisher(kafka) as catalogue:
    ...     for product in (Item("22613", "SPACEBOY NAPKINS"), Item("22138", available=False)):
    ...         delivery = catalogue.publish(product)
    >>> delivery.done()
    True
    """

    topic = topics.ITEMS.name

    def _record(self, product: Item) -> Record:
        value = messages.check_item(product)
        return Record(product.item_id, product.item_id.encode(), value)
