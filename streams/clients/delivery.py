"""Send records to one topic and know, for each, whether it arrived."""

import asyncio
import logging
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.contract.connection import NOTHING_LOST, KafkaConnection
from streams.contract.errors import BrokerUnavailable, ContractError, Undelivered
from streams.contract.partitioner import MURMUR2
from streams.contract.reachability import Reachability, topic_metadata

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 10.0
MAX_WAITING_RECORDS = 20_000
MAX_WAITING_KIB = 64 * 1024
MAX_NAMED = 1_000
"""Most ids of undelivered records that are kept to be named; beyond it they are only counted."""

_NO_ANSWER = (KafkaError._MSG_TIMED_OUT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT)


class Receipt(NamedTuple):
    """Where a record lies, once every in-sync replica has it."""

    topic: str
    partition: int
    offset: int


class Delivery(Future[Receipt]):
    """One record on its way: wait for it with `result(timeout)`, or `await` it.

    Raises BrokerUnavailable where no broker took the record in time, Undelivered where one refused it.
    """

    def __init__(self, record_id: str) -> None:
        super().__init__()
        self.record_id = record_id
        # A record on its way cannot be called back, so a cancelled waiter must not cancel it.
        self.set_running_or_notify_cancel()

    def __await__(self) -> Generator[Any, None, Receipt]:
        return asyncio.wrap_future(self).__await__()


class RecordSender:
    """An idempotent producer to one topic whose delivery reports are awaited by a thread of its own.

    Any number of threads may send at once. Memory is bounded: with `MAX_WAITING_RECORDS` records on
    their way, `send` waits up to `queue_timeout_s` for room. A record that no broker took within
    `delivery_timeout_s` has failed.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        delivery_timeout_s: float,
        queue_timeout_s: float,
        **settings: Any,
    ) -> None:
        """Raises BrokerUnavailable where no broker answers, TopicMismatch where the topic is missing."""
        self.topic = connection.topic_prefix + topic
        self.queue_timeout_s = queue_timeout_s
        self.undelivered: list[str] = []
        self.n_undelivered = 0
        defaults = {
            "partitioner": MURMUR2,
            **NOTHING_LOST,
            "linger_ms": 0,
            "compression_type": "lz4",
            "message_max_bytes": 2 << 20,
            "message_timeout_ms": int(delivery_timeout_s * 1000),
            "queue_buffering_max_messages": MAX_WAITING_RECORDS,
            "queue_buffering_max_kbytes": MAX_WAITING_KIB,
        }
        reachability = Reachability(connection.bootstrap_servers)
        self._producer = Producer(connection.for_confluent(error_cb=reachability.told, **defaults | settings))
        topic_metadata(self._producer, self.topic, reachability, CONNECT_TIMEOUT_S)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._await_reports, name=f"deliveries of {self.topic}", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """Records on their way."""
        return len(self._producer)

    def try_send(
        self, record_id: str, key: bytes, value: bytes | None, headers: Mapping[str, bytes] | None = None
    ) -> Delivery | None:
        """Hand one record over; None where there is no room for it now."""
        if self._closing.is_set():
            raise Undelivered(f"{record_id} was not sent: the publisher is closed", (record_id,))
        delivery = Delivery(record_id)
        try:
            on_delivery = partial(self._settle, delivery)
            self._producer.produce(self.topic, value, key, on_delivery=on_delivery, headers=dict(headers or {}))
        except BufferError:
            return None
        except KafkaException as error:
            raise _failure(record_id, error.args[0]) from None
        return delivery

    def send(self, record_id: str, key: bytes, value: bytes | None) -> Delivery:
        """Hand one record over, waiting for room; BrokerUnavailable where none comes in time."""
        deadline = time.monotonic() + self.queue_timeout_s
        while (delivery := self.try_send(record_id, key, value)) is None:
            if time.monotonic() > deadline:
                raise self._queue_full(record_id)
            time.sleep(0.002)
        return delivery

    async def send_async(self, record_id: str, key: bytes, value: bytes | None) -> Delivery:
        """As `send`, but other tasks of the event loop run while there is no room."""
        deadline = time.monotonic() + self.queue_timeout_s
        while (delivery := self.try_send(record_id, key, value)) is None:
            if time.monotonic() > deadline:
                raise self._queue_full(record_id)
            await asyncio.sleep(0.002)
        return delivery

    def flush(self, timeout_s: float) -> int:
        """Wait until everything has arrived or failed; how many records are still on their way."""
        return self._producer.flush(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Deliver what is on its way for up to `timeout_s`, give up the rest, and say what never arrived.

        Raises Undelivered where any record handed over since the start did not reach a broker.
        """
        if self._closing.is_set():
            return
        self._closing.set()
        if self.flush(timeout_s):
            self._producer.purge()
            self.flush(1.0)
        self._thread.join()
        if self.n_undelivered:
            raise Undelivered(self._account(), tuple(self.undelivered))

    def _await_reports(self) -> None:
        while not self._closing.is_set():
            self._producer.poll(0.1)

    def _settle(self, delivery: Delivery, error: KafkaError | None, message: Message) -> None:
        if error is None:
            delivery.set_result(Receipt(self.topic, message.partition() or 0, message.offset() or 0))
            return
        self.n_undelivered += 1
        if len(self.undelivered) < MAX_NAMED:
            self.undelivered.append(delivery.record_id)
        delivery.set_exception(_failure(delivery.record_id, error))

    def _queue_full(self, record_id: str) -> BrokerUnavailable:
        return BrokerUnavailable(
            f"{record_id} was not sent: {len(self):,} records wait for the broker and none has left "
            f"within {self.queue_timeout_s:g} s"
        )

    def _account(self) -> str:
        named = ", ".join(self.undelivered[:5])
        more = f" and {self.n_undelivered - 5:,} more" if self.n_undelivered > 5 else ""
        return f"{self.n_undelivered:,} records never reached {self.topic}: {named}{more}; publish them again"


def _failure(record_id: str, error: KafkaError) -> ContractError:
    if error.code() in _NO_ANSWER:
        return BrokerUnavailable(f"{record_id} did not reach the broker in time: {error.str()}")
    return Undelivered(f"{record_id} was not delivered: {error.str()}", (record_id,))
