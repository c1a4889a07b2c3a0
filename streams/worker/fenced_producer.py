"""A producer that a broker refuses once another worker has taken over its partitions.

A worker that was frozen, suspended or cut off does not know that its session has expired and its partitions
have a new owner: what it still has under way would overwrite that owner's state. So each partition of
`purchases` has a transactional id, and whoever is assigned the partition

    1. initialises it: the transaction coordinator raises its producer epoch,
    2. writes one record with the new epoch to each topic that bears the partition's state,
    3. restores the state up to that record, and only then processes events.

From step 2 on each of these topics refuses every batch of an older epoch (INVALID_PRODUCER_EPOCH), so the
changelog behind the record is this worker's alone. The epochs are all that is used of transactions: batches
stay idempotent ones that readers see at once, and cost nothing more.

What Kafka forgets is renewed. A transactional id that was not initialised for `transactional.id.expiration.ms`
(7 days) would start again with another producer id, which fences nobody: `renew` raises the epoch once a day.
A partition that has had no record of a producer id for `producer.id.expiration.ms` (1 day) forgets its epoch:
`streams.worker.rolling_writes` writes every hour.

Needs the right to WRITE on the transactional ids, `<group>-<partition>`. Reaches into aiokafka 0.14.0, whose producer
knows one producer id and epoch; `tests/unit/test_aiokafka_internals.py` fails when that changes.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from time import CLOCK_BOOTTIME, clock_gettime
from types import TracebackType
from typing import NamedTuple, Self

from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from aiokafka.producer.transaction_manager import PidAndEpoch, TransactionManager
from aiokafka.structs import TopicPartition

from streams.contract.messages import NO_USER
from streams.worker.batch import Record
from streams.worker.errors import LeaseLost, WorkerError
from streams.worker.record_delivery import send_and_await

log = logging.getLogger(__name__)

CLAIM_WITHIN_S = 25.0
"""Faust ends its recovery without a word where this takes longer than `broker_request_timeout`, 30 s."""
RENEW_AFTER_S = 24 * 3600.0
AT_ONCE = 8
"""So many epochs are raised at the same time; each takes a connection."""

_INT32_MAX = 2**31 - 1


class Lease:
    """The right to write to some partitions: from their assignment until the next, or until a broker refuses."""

    def __init__(self, partitions: Collection[int] = (), *, is_valid: bool = True) -> None:
        self.partitions = frozenset(partitions)
        self.is_valid = is_valid

    def end(self) -> None:
        self.is_valid = False

    def check(self) -> None:
        """Raise LeaseLost where it has ended."""
        if not self.is_valid:
            raise LeaseLost("the partitions were assigned anew")


class ProducerEpochs(TransactionManager):  # type: ignore[misc]
    """Producer id, epoch and sequence numbers: each claimed partition's own, on the topics that are fenced.

    The accumulator asks for a batch's sequence number first, then for the producer's id and epoch, which
    aiokafka takes to be the same for all partitions.
    """

    def __init__(self, fenced_topics: Collection[str]) -> None:
        super().__init__(transactional_id=None, transaction_timeout_ms=_INT32_MAX)
        self._fenced_topics = frozenset(fenced_topics)
        self._claimed: dict[int, PidAndEpoch] = {}
        self._current = self._pid_and_epoch

    def claim(self, partition: int, producer: PidAndEpoch) -> None:
        """Use another epoch from the partition's next batch on; sequence numbers begin anew with it."""
        self._claimed[partition] = producer
        for topic in self._fenced_topics:
            self._sequence_numbers.pop(TopicPartition(topic, partition), None)

    def sequence_number(self, tp: TopicPartition) -> int:
        fenced = tp.topic in self._fenced_topics
        self._current = self._claimed[tp.partition] if fenced else self._pid_and_epoch
        return int(super().sequence_number(tp))

    @property
    def producer_id(self) -> int:
        return int(self._current.pid)

    @property
    def producer_epoch(self) -> int:
        return int(self._current.epoch)


class FencedProducer:
    """Sends records for the partitions that this worker has claimed, as long as the claim stands.

    `new_producer` makes an aiokafka producer, transactional where it is given an id. `fenced_topics` are those that
    bear state, with as many partitions as the source; what goes to other topics is sent as by any producer.
    """

    def __init__(
        self, new_producer: Callable[[str | None], AIOKafkaProducer], group: str, fenced_topics: Collection[str]
    ) -> None:
        self._new_producer = new_producer
        self._group = group
        self._fenced_topics = tuple(fenced_topics)
        self._open: _Open | None = None
        self._starting = asyncio.Lock()
        self._busy = asyncio.Lock()
        self._claimed_at = 0.0
        self.lease = Lease(is_valid=False)
        """That of now. Whoever decides anything keeps it, and sends with the same."""

    async def __aenter__(self) -> Self:
        await self._started()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.lease.end()
        if self._open is not None:
            await self._open.producer.stop()

    async def claim(self, partitions: Collection[int]) -> None:
        """Shut out whoever wrote to these partitions before; `lease` is the right to them from now on.

        What this worker itself still has under way arrives, or is refused, before. Raises WorkerError where no
        broker answers in time.
        """
        self.lease.end()
        try:
            async with asyncio.timeout(CLAIM_WITHIN_S), self._busy:
                await self._raise_epochs(partitions)
        except TimeoutError:
            raise WorkerError(
                f"the partitions {sorted(partitions)} could not be claimed within {CLAIM_WITHIN_S:g} s: no broker "
                f"raised the epochs of the transactional ids {self._group}-<partition>; see whether brokers answer, "
                "and whether __transaction_state has enough replicas"
            ) from None
        self.lease = Lease(partitions)

    async def renew(self) -> None:
        """Raise the epochs of the partitions once a day, so that the coordinator remembers them.

        Raises LeaseLost where they are another worker's by now.
        """
        if clock_gettime(CLOCK_BOOTTIME) - self._claimed_at < RENEW_AFTER_S:
            return
        async with self._busy:
            self.lease.check()
            await self._raise_epochs(self.lease.partitions)

    async def send(self, lease: Lease, records: Sequence[Record]) -> dict[tuple[str, int], int]:
        """Send records and wait until the broker has them all; the last offset per (topic, partition).

        Raises LeaseLost where the lease has ended, or ends by this: then nothing that was decided
        under it may be kept.
        """
        async with self._busy:
            lease.check()
            try:
                return await send_and_await((await self._started()).producer, records)
            except ProducerFenced:
                lease.end()
                raise LeaseLost("another worker has claimed the partitions meanwhile") from None

    async def send_unfenced(self, records: Sequence[Record]) -> None:
        """Send records to topics that are not fenced, whatever this worker has a lease for."""
        await send_and_await((await self._started()).producer, records)

    async def _raise_epochs(self, partitions: Collection[int]) -> None:
        producer, epochs = await self._started()
        places = asyncio.Semaphore(AT_ONCE)

        async def raise_epoch(partition: int) -> None:
            async with places:
                epochs.claim(partition, await self._next_epoch(f"{self._group}-{partition}"))

        await asyncio.gather(*map(raise_epoch, partitions))
        await send_and_await(producer, [Record(t, p, NO_USER, None) for t in self._fenced_topics for p in partitions])
        self._claimed_at = clock_gettime(CLOCK_BOOTTIME)

    async def _next_epoch(self, transactional_id: str) -> PidAndEpoch:
        """What a transactional producer does at its start is all that is wanted of it."""
        producer = self._new_producer(transactional_id)
        try:
            await producer.start()
            return PidAndEpoch(producer._txn_manager.producer_id, producer._txn_manager.producer_epoch)
        finally:
            await producer.stop()

    async def _started(self) -> "_Open":
        async with self._starting:
            if self._open is None:
                self._open = await _opened(self._new_producer(None), ProducerEpochs(self._fenced_topics))
        return self._open


class _Open(NamedTuple):
    """A producer that has started, and the epochs that it sends with."""

    producer: AIOKafkaProducer
    epochs: ProducerEpochs


async def _opened(producer: AIOKafkaProducer, epochs: ProducerEpochs) -> _Open:
    for part in (producer, producer._message_accumulator, producer._sender):
        part._txn_manager = epochs
    await producer.start()
    return _Open(producer, epochs)
