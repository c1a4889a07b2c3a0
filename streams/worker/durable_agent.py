"""A Faust agent whose results are durable before its events are acknowledged.

What happens to a batch, in this order (promise 3 of the architecture):

    1. read        whatever waits in the stream's queue, no timer
    2. decide      event by event: state in, state and records out, kept aside
    3. ask         the whole batch at once, while the batch before is being delivered
    4. conclude    event by event, with the answers
    5. send        all records, the changelog included, and await their delivery
    6. write       the state to RocksDB, then the changelog offset it stands for
    7. acknowledge the events; Faust commits their offsets

RocksDB is never ahead of the changelog and an offset is never ahead of RocksDB, so whatever a crash
cuts off is done again from the same state. Batches conclude in the order they were read; at most
`in_flight` of them are under way. This module knows nothing of purchases.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import faust
from aiokafka import AIOKafkaProducer
from rocksdict import Rdict

from streams.worker import faust_internals
from streams.worker.batch import Batch, Record, SourceRecord, StateTable
from streams.worker.errors import StateUnavailable
from streams.worker.metrics import Metrics
from streams.worker.state import State

log = logging.getLogger(__name__)

StepT = TypeVar("StepT")
AnswerT = TypeVar("AnswerT")
T = TypeVar("T")


class Handler(Protocol[StepT, AnswerT]):
    """What is done with an event. Only `ask` may wait; it answers for every step and must not raise."""

    def decide(self, record: SourceRecord, batch: Batch) -> StepT | None:
        """Read and write state, send records; None where there is nothing to ask."""

    async def ask(self, steps: Sequence[StepT]) -> Sequence[AnswerT]: ...

    def conclude(self, step: StepT, answer: AnswerT, batch: Batch) -> None:
        """Turn an answer into records and state."""

    def give_up(self, record: SourceRecord, error: Exception, batch: Batch) -> None:
        """Record that this event could not be processed, and why."""


class _Pending(NamedTuple, Generic[StepT, AnswerT]):
    """A decided batch on its way."""

    events: list[Any]
    batch: Batch
    steps: list[tuple[SourceRecord, StepT]]
    answers: asyncio.Task[Sequence[AnswerT]]


class DurableAgent(Generic[StepT, AnswerT]):
    """Runs a handler over a stream; `tables` maps a StateTable's name to the Faust table that holds it."""

    def __init__(
        self,
        app: faust.App,
        handler: Handler[StepT, AnswerT],
        tables: dict[str, Any],
        producer: AIOKafkaProducer,
        *,
        max_batch: int,
        in_flight: int,
        metrics: Metrics,
    ) -> None:
        self._app = app
        self._handler = handler
        self._tables = tables
        self._producer = producer
        self._max_batch = max_batch
        self._slots = asyncio.Semaphore(in_flight)
        self._pending: asyncio.Queue[_Pending[StepT, AnswerT]] = asyncio.Queue()
        self._state = State(self._store_of)
        self._metrics = metrics
        self.events_done = 0
        self.is_running = False

    async def run(self, stream: Any) -> None:
        """Process the stream until it is stopped. A failure stops the whole worker, loudly.

        An agent that dies alone would leave a worker that looks alive and consumes nothing
        (faust-streaming issues #175, #523, #532).
        """
        finisher = asyncio.create_task(self._finish_in_order(stream))
        self.is_running = True
        try:
            await self._read(stream, finisher)
        except Exception as error:
            log.critical("the worker stops, because it cannot go on: %s", error, exc_info=error)
            await self._app.crash(error)
            raise
        finally:
            self.is_running = False
            finisher.cancel()

    async def _read(self, stream: Any, finisher: asyncio.Task[None]) -> None:
        stream.enable_acks = False
        events = aiter(stream.events())
        while True:
            await _beside(finisher, self._slots.acquire())
            try:
                batch = [await _beside(finisher, anext(events))]
            except StopAsyncIteration:
                return
            batch += faust_internals.drain(self._app, stream, self._max_batch - 1)
            self._begin(batch)

    def _begin(self, events: list[Any]) -> None:
        """Decide, make the state visible to the next batch, and start asking."""
        batch = Batch(self._state)
        steps = []
        self._metrics.batch(len(events))
        with self._metrics.stage("decide"):
            for event in events:
                record = _source_record(event.message)
                step = self._decide(record, batch)
                if step is not None:
                    steps.append((record, step))
        self._state.show(batch.state)
        self._pending.put_nowait(_Pending(events, batch, steps, self._start_asking(steps)))

    def _decide(self, record: SourceRecord, batch: Batch) -> StepT | None:
        """One event alone: whatever it breaks, it takes nothing else of the batch with it."""
        attempt = batch.savepoint()
        try:
            step = self._handler.decide(record, attempt)
        except StateUnavailable:
            raise  # the event is not to blame
        except Exception as error:
            log.exception("event %s/%d/%d failed", *record[:3])
            self._handler.give_up(record, error, batch)
            return None
        batch.merge(attempt)
        return step

    def _start_asking(self, steps: Sequence[tuple[SourceRecord, StepT]]) -> asyncio.Task[Sequence[AnswerT]]:
        return asyncio.ensure_future(self._ask([step for _, step in steps]))

    async def _ask(self, steps: Sequence[StepT]) -> Sequence[AnswerT]:
        with self._metrics.stage("ask"):
            return await self._handler.ask(steps) if steps else ()

    async def _finish_in_order(self, stream: Any) -> None:
        while True:
            pending = await self._pending.get()
            answers = await pending.answers
            if faust_internals.is_current(self._app, pending.events[0]):
                with self._metrics.stage("conclude"):
                    self._conclude(pending, answers)
                with self._metrics.stage("deliver"):
                    await self._deliver(pending.batch)
                await self._acknowledge(stream, pending.events)
            else:
                # The partitions were given to someone else meanwhile, who reads these events again.
                self._state.hide(pending.batch.state)
            self._slots.release()

    async def _acknowledge(self, stream: Any, events: list[Any]) -> None:
        for event in events:
            await stream.ack(event)
        self.events_done += len(events)

    def _conclude(self, pending: _Pending[StepT, AnswerT], answers: Sequence[AnswerT]) -> None:
        decided = set(pending.batch.state)
        for (record, step), answer in zip(pending.steps, answers, strict=True):
            attempt = pending.batch.savepoint()
            try:
                self._handler.conclude(step, answer, attempt)
            except StateUnavailable:
                raise
            except Exception as error:
                log.exception("event %s/%d/%d failed", *record[:3])
                self._handler.give_up(record, error, pending.batch)
            else:
                pending.batch.merge(attempt)
        self._state.show({s: v for s, v in pending.batch.state.items() if s not in decided})

    async def _deliver(self, batch: Batch) -> None:
        """Steps 5 and 6."""
        ends = await send_and_await(self._producer, batch.all_records())
        self._state.write(batch.state)
        for table in self._tables.values():
            for (topic, partition), offset in ends.items():
                if topic == table.changelog_topic_name:
                    faust_internals.set_persisted_offset(table, partition, offset)

    def _store_of(self, table: StateTable, partition: int) -> Rdict:
        return faust_internals.partition_store(self._tables[table.name], partition)


async def _beside(finisher: asyncio.Task[None], awaitable: Awaitable[T]) -> T:
    """What is awaited; raises what ended the finisher where that comes first."""
    task = asyncio.ensure_future(awaitable)
    await asyncio.wait({task, finisher}, return_when=asyncio.FIRST_COMPLETED)
    if finisher.done():
        task.cancel()
        finisher.result()
    return task.result()


def _source_record(message: Any) -> SourceRecord:
    headers = message.headers or ()
    pairs = headers.items() if isinstance(headers, dict) else headers
    return SourceRecord(message.topic, message.partition, message.offset, message.key, message.value, tuple(pairs))


async def send_and_await(producer: AIOKafkaProducer, records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """Send records, in order within each partition, and wait until the broker has them all.

    One batch per partition with one future, instead of one future per record, is most of the worker's
    speed. Returns the offset of the last record per (topic, partition). Raises what the producer raises.
    """
    sent = []
    for (topic, partition), of_partition in _by_partition(records).items():
        for batch in _record_batches(producer, of_partition):
            delivery = await producer.send_batch(batch, topic, partition=partition)
            sent.append((topic, partition, batch.record_count(), delivery))
    ends: dict[tuple[str, int], int] = {}
    for topic, partition, count, delivery in sent:
        metadata = await delivery
        ends[topic, partition] = metadata.offset + count - 1
    return ends


def _by_partition(records: Sequence[Record]) -> dict[tuple[str, int], list[Record]]:
    grouped: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        grouped.setdefault((record.topic, record.partition), []).append(record)
    return grouped


def _record_batches(producer: AIOKafkaProducer, records: Sequence[Record]) -> list[Any]:
    batch = producer.create_batch()
    batches = [batch]
    for record in records:
        if not _append(batch, record):
            batch = producer.create_batch()
            batches.append(batch)
            if not _append(batch, record):
                raise ValueError(f"a record for {record.topic} does not fit into an empty batch")
    return batches


def _append(batch: Any, record: Record) -> bool:
    """False where the batch is full."""
    return batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers)) is not None
