"""A record without meaning for each compacted partition, now and then.

Kafka compacts a partition's closed segments alone, and closes the one it writes to only when a record
comes that is too late for it (`segment.ms`). On a partition where nobody buys any more, the bytes of an
erased user would therefore stay for ever. The record is a tombstone under a key that is no user's, so
every reader passes over it, and compaction removes it, too.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Coroutine, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from streams.worker.batch import Record
from streams.worker.durable_agent import send_and_await

log = logging.getLogger(__name__)

NO_USER = b"\xff"
"""Key of such a record: not UTF-8, so neither a user's nor an event's."""


class RollingWrites:
    """Writes to `topics`, in the partitions that `partitions` names at that moment, every `interval_s`."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        topics: Collection[str],
        partitions: Callable[[], Iterable[int]],
        interval_s: float,
    ) -> None:
        self._producer = producer
        self._topics = topics
        self._partitions = partitions
        self._interval_s = interval_s

    async def run(self) -> None:
        """Never ends by itself; what could not be written is written the next time."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await send_and_await(self._producer, self._records())
            except KafkaError as error:
                log.warning("the quiet partitions could not be written to: %r", error)

    def _records(self) -> list[Record]:
        partitions = sorted(self._partitions())
        return [Record(topic, partition, NO_USER, None) for topic in self._topics for partition in partitions]


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """`work` goes on beside the block, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
