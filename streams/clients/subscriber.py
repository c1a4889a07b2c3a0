"""Follow the recommendation lists as they come, or ask for the one that stands now."""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from confluent_kafka import Message

from streams.clients.following import Following
from streams.clients.latest import LatestLists
from streams.clients.selection import Selection
from streams.clients.starts import Start
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList

SLICE_S = 0.1
"""How long one wait lasts before it looks whether the subscriber has been closed."""
REMEMBERED = 50_000
"""How many lists back a repeat is recognised, and of how many customers the last list is known."""
BROKER_TIMEOUT_S = 60.0


class RecommendationSubscriber:
    """Iterates over the lists that customers get, as they come.

    >>> with RecommendationSubscriber(kafka, start="beginning") as lists:
    ...     for recommended in lists:
    ...         print(recommended.user_id, [item.item_id for item in recommended.items])
    ...         break
    customer-7 ['22138', '22139']

    `async for` does the same without blocking the event loop; so does leaving an `async with` block. The
    constructor itself waits for a first answer of the broker, some milliseconds as a rule: call it by
    `asyncio.to_thread` where that is too long.

    >>> async def newest_lists():
    ...     async with await asyncio.to_thread(RecommendationSubscriber, kafka, start="beginning") as lists:
    ...         async for recommended in lists:
    ...             return recommended.cause.event_id
    >>> asyncio.run(newest_lists())
    'order-1'

    The iteration ends when the subscriber is closed, by whichever thread.

    `start` is "now", "beginning" (of what the topic still has: at least the newest list of each customer),
    or a time with a zone, to replay what was published since. "now" is the moment when the constructor
    returns: a list published after that is not missed. With `user_id` only that customer's lists come. With
    `group` several subscribers share the lists, and a group that was here before goes on behind the last
    list that one of them was done with; `start` counts for a new group alone.

    With `on_change` a list comes only where its items or their order differ from the last list of the same
    customer that this subscriber has seen; the first that it sees of a customer always comes.

    After a crash the worker sends lists again, under the same `list_id`: such repeats are dropped. What
    that and `on_change` need to know is kept for the last `remembered` lists and customers (0 hands
    everything over). A record that is no list is skipped with a warning.

    A reader may take its time: while it does not ask, some 8 MiB are fetched ahead and no more. One in a
    group that asks for nothing for five minutes (librdkafka's `max_poll_interval_ms`) loses its share to
    the others until it asks again.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        start: Start = "now",
        user_id: str | None = None,
        group: str | None = None,
        on_change: bool = False,
        remembered: int = REMEMBERED,
        broker_timeout_s: float | None = BROKER_TIMEOUT_S,
        **settings: Any,
    ) -> None:
        """Raises BrokerUnavailable or TopicMismatch where there is nothing to follow.

        Later on, whoever waits for a list gets BrokerUnavailable once no broker could be reached for
        `broker_timeout_s`; None waits for ever. The subscriber stays whole: asked again, it goes on where
        it was. `settings` are librdkafka's own, with _ for dots, and win over ours.
        """
        key = None if user_id is None else messages.user_key(user_id)
        topic = connection.topic_prefix + topics.RECOMMENDATIONS.name
        self._following = Following(connection, topic, start, key, group, broker_timeout_s, **settings)
        self._selection = Selection(key, on_change=on_change, remembered=remembered)
        self._arrived: deque[Message] = deque()
        self._handed_over: Message | None = None
        self._closing = threading.Event()
        self._reading = threading.Lock()
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="recommendations")
        self._latest = LatestLists(connection)

    def receive(self, timeout_s: float | None = None) -> RecommendationList | None:
        """The next list; None where none came within `timeout_s`, or the subscriber was closed.

        >>> with RecommendationSubscriber(kafka) as lists:
        ...     print(lists.receive(timeout_s=0.5))
        None
        """
        deadline = math.inf if timeout_s is None else time.monotonic() + timeout_s
        self._finish_last()
        wanted = self._next_wanted()
        while wanted is None and not self._closing.is_set():
            left = deadline - time.monotonic()
            self._fill(max(0.0, min(left, SLICE_S)))
            wanted = self._next_wanted()
            if left <= 0:
                break
        return wanted

    async def receive_async(self) -> RecommendationList | None:
        """The next list, waited for in a thread of the subscriber's own; None once it is closed.

        A cancelled wait loses nothing: what arrives meanwhile is there for the next one.
        """
        self._finish_last()
        wanted = self._next_wanted()
        while wanted is None and not self._closing.is_set():
            await asyncio.get_running_loop().run_in_executor(self._executor, self._fill, SLICE_S)
            wanted = self._next_wanted()
        return wanted

    def latest(self, user_id: str) -> RecommendationList | None:
        """The list of one customer that stands now; None where there is none (or it was erased).

        >>> with RecommendationSubscriber(kafka) as lists:
        ...     lists.latest("customer-7").model
        ModelRef(name='next-purchase', version=1)
        """
        return self._latest.of(user_id)

    def close(self) -> None:
        """End the iteration; in a group, hand the partitions back and keep the place."""
        self._closing.set()
        # A thread that waits for lists notices within one slice and lets go.
        with self._reading:
            self._following.close()
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.to_thread(self.close)

    def _fill(self, timeout_s: float) -> None:
        """Move what has arrived into `_arrived`, waiting up to `timeout_s` for a first record."""
        with self._reading:
            if not self._closing.is_set():
                self._arrived.extend(self._following.fetch(timeout_s))

    def _next_wanted(self) -> RecommendationList | None:
        while self._arrived and not self._closing.is_set():
            record = self._arrived.popleft()
            wanted = self._selection.wanted(record)
            if wanted is not None:
                self._handed_over = record
                return wanted
        return None

    def _finish_last(self) -> None:
        """Whoever asks for the next list is done with the last one: only now may the group move behind it."""
        done, self._handed_over = self._handed_over, None
        if done is not None and not self._closing.is_set():
            self._following.done_with(done)
