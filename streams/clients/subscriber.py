"""Follow the recommendation lists as they come, or ask for the one that stands now."""

import asyncio
import contextlib
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Literal, NamedTuple, Self

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from streams.clients.latest import LatestLists, decoded_list
from streams.clients.recently import Recently
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList
from streams.contract.partitioner import partition_of
from streams.contract.reading import (
    assigned_consumer,
    available_span,
    is_end_of_partition,
    partitions_of,
    translated_errors,
    waiting_messages,
)

SLICE_S = 0.1
"""How long one wait lasts before it looks whether the subscriber has been closed."""
REMEMBERED = 50_000
"""How many lists back a repeat is recognised."""


class _Received(NamedTuple):
    list: RecommendationList
    message: Message


class RecommendationSubscriber:
    """Iterates over the lists that customers get, as they come.

        with RecommendationSubscriber(KafkaConnection("127.0.0.1:9092")) as lists:
            for recommended in lists:
                print(recommended.user_id, [item.item_id for item in recommended.items])

    `async for` does the same without blocking the event loop. The iteration ends when the subscriber
    is closed, by whichever thread.

    `start` is "now" or "beginning" (of what the topic still has). "now" is the moment when the
    constructor returns: a list published after that is not missed. With `user_id` only that customer's
    lists come. With `group` several subscribers share the lists, and a group that was here before goes
    on behind the last list that one of them was done with; `start` counts for a new group alone.

    After a crash the worker sends lists again, under the same `list_id`: such repeats are dropped as far
    as `remembered` lists back (0 hands over everything). A record that is no list is skipped with a
    warning.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        start: Literal["now", "beginning"] = "now",
        user_id: str | None = None,
        group: str | None = None,
        remembered: int = REMEMBERED,
    ) -> None:
        """Raises BrokerUnavailable or TopicMismatch where there is nothing to follow."""
        self._topic = connection.topic_prefix + topics.RECOMMENDATIONS.name
        self._key = None if user_id is None else messages.user_key(user_id)
        self._seen = Recently(remembered)
        self._arrived: deque[_Received] = deque()
        self._handed_over: Message | None = None
        self._grouped = group is not None
        self._closing = threading.Event()
        self._reading = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recommendations")
        self._latest = LatestLists(connection)
        self._consumer = _consumer(connection, group)
        try:
            self._starts = self._start_offsets(start)
            self._begin()
        except BaseException:
            self.close()
            raise

    def receive(self, timeout_s: float | None = None) -> RecommendationList | None:
        """The next list; None where none came within `timeout_s`, or the subscriber was closed."""
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        self._finish_last()
        while not self._arrived and not self._closing.is_set():
            left = deadline - time.monotonic()
            self._fill(max(0.0, min(left, SLICE_S)))
            if left <= 0:
                break
        return self._hand_over()

    async def receive_async(self) -> RecommendationList | None:
        """The next list, waited for in a thread of the subscriber's own; None once it is closed.

        A cancelled wait loses nothing: what arrives meanwhile is there for the next one.
        """
        self._finish_last()
        while not self._arrived and not self._closing.is_set():
            await asyncio.get_running_loop().run_in_executor(self._executor, self._fill, SLICE_S)
        return self._hand_over()

    def latest(self, user_id: str) -> RecommendationList | None:
        """The list of one customer that stands now; None where there is none (or it was erased)."""
        return self._latest.of(user_id)

    def close(self) -> None:
        """End the iteration; in a group, hand the partitions back and keep the place."""
        self._closing.set()
        # A thread that waits for lists notices within one slice and lets go.
        with self._reading:
            self._consumer.close()
        self._latest.close()
        self._executor.shutdown(wait=False)

    def __iter__(self) -> Iterator[RecommendationList]:
        while (received := self.receive()) is not None:
            yield received

    async def __aiter__(self) -> AsyncIterator[RecommendationList]:
        while (received := await self.receive_async()) is not None:
            yield received

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start_offsets(self, start: Literal["now", "beginning"]) -> dict[int, int]:
        """Where each partition is read from, settled before anything is published that must not be missed."""
        partitions = partitions_of(self._consumer, self._topic)
        if self._key is not None and not self._grouped:
            partitions = [partitions[partition_of(self._key, len(partitions))]]
        if start == "beginning":
            return {partition.partition: OFFSET_BEGINNING for partition in partitions}
        return {partition.partition: available_span(self._consumer, partition).end for partition in partitions}

    def _begin(self) -> None:
        if self._grouped:
            self._consumer.subscribe([self._topic], on_assign=self._take_over)
        else:
            starts = self._starts.items()
            self._consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in starts])

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Go on where the group was; where it never was, at this subscriber's start."""
        with translated_errors("the group's place could not be read"):
            places = consumer.committed(partitions, timeout=10)
            new = [place for place in places if place.offset < 0]
            for place in new:
                place.offset = self._starts.get(place.partition, OFFSET_BEGINNING)
            consumer.assign(places)
            # Whoever comes next, even if this one gets no list, starts from the same moment.
            settled = [place for place in new if place.offset >= 0]
            if settled:
                consumer.commit(offsets=settled, asynchronous=False)

    def _fill(self, timeout_s: float) -> None:
        """Move what has arrived into `_arrived`, waiting up to `timeout_s` for a first record."""
        with self._reading:
            if self._closing.is_set():
                return
            for message in waiting_messages(self._consumer, timeout_s):
                received = self._wanted(message)
                if received is not None:
                    self._arrived.append(received)

    def _wanted(self, message: Message) -> _Received | None:
        if is_end_of_partition(message) or message.value() is None:
            return None
        if self._key is not None and message.key() != self._key:
            return None
        decoded = decoded_list(message)
        if decoded is None or self._seen.has(decoded.list_id):
            return None
        return _Received(decoded, message)

    def _hand_over(self) -> RecommendationList | None:
        if self._closing.is_set() or not self._arrived:
            return None
        received = self._arrived.popleft()
        self._handed_over = received.message
        return received.list

    def _finish_last(self) -> None:
        """Whoever asks for the next list is done with the last one: only now may the group move behind it."""
        done, self._handed_over = self._handed_over, None
        if self._grouped and done is not None and not self._closing.is_set():
            # The partition may have gone to another member, who then hands this list over again.
            with contextlib.suppress(KafkaException):
                self._consumer.store_offsets(done)


def _consumer(connection: KafkaConnection, group: str | None) -> Consumer:
    if group is None:
        return assigned_consumer(connection)
    return assigned_consumer(
        connection,
        group_id=group,
        enable_auto_commit=True,
        enable_auto_offset_store=False,
        auto_commit_interval_ms=1000,
    )
