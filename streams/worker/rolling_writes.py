"""A record without meaning for each compacted partition, now and then.

Kafka compacts a partition's closed segments alone, and closes the one it writes to only when a record
comes that is too late for it (`segment.ms`). On a partition where nobody buys any more, the bytes of an
erased user would therefore stay for ever. The record is a tombstone under a key that is no user's, so
every reader passes over it, and compaction removes it, too. It also keeps the partition's memory of the epoch that
this worker writes with (`fenced_producer.py`), which is raised anew here once a day.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import asynccontextmanager

from aiokafka.errors import KafkaError

from streams.contract.messages import NO_USER
from streams.worker.batch import Record
from streams.worker.errors import LeaseLost
from streams.worker.fenced_producer import FencedProducer, Lease

log = logging.getLogger(__name__)


class RollingWrites:
    """Writes to `topics`, in the partitions that this worker has a lease for at that moment, every `interval_s`."""

    def __init__(self, producer: FencedProducer, topics: Collection[str], interval_s: float) -> None:
        self._producer = producer
        self._topics = topics
        self._interval_s = interval_s

    async def run(self) -> None:
        """Never ends by itself; what could not be written is written the next time."""
        while True:
            await asyncio.sleep(self._interval_s)
            lease = self._producer.lease
            try:
                await self._producer.send(lease, self._records(lease))
                await self._producer.renew()
            except LeaseLost as lost:
                log.info("the quiet partitions were not written to: %s", lost)
            except KafkaError as error:
                log.warning("the quiet partitions could not be written to: %r", error)

    def _records(self, lease: Lease) -> list[Record]:
        return [Record(topic, partition, NO_USER, None) for topic in self._topics for partition in lease.partitions]


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """`work` goes on beside the block, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
