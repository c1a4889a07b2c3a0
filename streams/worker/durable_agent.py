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
`in_flight` of them are under way. A batch whose lease (`fenced_producer.py`) has ended before step 6 is dropped:
its partitions' owner reads its events again. This module knows nothing of purchases.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import faust
from aiokafka.errors import KafkaError
from rocksdict import Rdict

from streams.worker import faust_internals
from streams.worker.batch import Batch, SourceRecord, StateTable
from streams.worker.errors import LeaseLost, RecordRefused, RecordTooLarge, StateUnavailable, WorkerError
from streams.worker.fenced_producer import FencedProducer, Lease
from streams.worker.metrics import Metrics
from streams.worker.state import State

log = logging.getLogger(__name__)

StepT = TypeVar("StepT")
AnswerT = TypeVar("AnswerT")
T = TypeVar("T")


class Handler(Protocol[StepT, AnswerT]):
    """What is done with an event. Only `ask` may wait; it answers for every step and must not raise."""

    def largest(self, topic: str) -> int:
        """The most bytes that a record for this topic may have."""

    def decide(self, record: SourceRecord, batch: Batch) -> StepT | None:
        """Read and write state, send records; None where there is nothing to ask."""

    async def ask(self, steps: Sequence[StepT]) -> Sequence[AnswerT]: ...

    def conclude(self, step: StepT, answer: AnswerT, batch: Batch) -> None:
        """Turn an answer into records and state."""

    def give_up(self, record: SourceRecord, error: Exception, batch: Batch) -> None:
        """Record that this event could not be processed, and why."""


class _Pending(NamedTuple, Generic[StepT, AnswerT]):
    """A decided batch on its way."""

    lease: Lease
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
        producer: FencedProducer,
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
        self._read_under: Lease | None = None
        self._last_read: dict[int, int] = {}
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
                first = await _beside(finisher, anext(events))
            except StopAsyncIteration:
                return
            self._begin([first, *faust_internals.drain(self._app, stream, self._max_batch - 1)])
            del first

    def _begin(self, events: list[Any]) -> None:
        """Decide, make the state visible to the next batch, and start asking."""
        lease = self._producer.lease
        if not lease.is_valid:
            self._leave_to_their_owner(events)
            self._slots.release()
            return
        self._check_offsets(lease, events)
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
        self._pending.put_nowait(_Pending(lease, events, batch, steps, self._start_asking(steps)))

    def _check_offsets(self, lease: Lease, events: list[Any]) -> None:
        """WorkerError where a partition begins anew under one lease: then the topic is another one."""
        if lease is not self._read_under:
            self._read_under = lease
            self._last_read.clear()
        for message in (event.message for event in events if faust_internals.is_current(self._app, event)):
            last = self._last_read.get(message.partition, -1)
            if message.offset <= last:
                raise WorkerError(
                    f"the offsets of {message.topic}/{message.partition} went back from {last} to {message.offset}: "
                    "the topic was made anew while this worker read it; a new start goes on with it"
                )
            self._last_read[message.partition] = message.offset

    def _decide(self, record: SourceRecord, batch: Batch) -> StepT | None:
        """One event alone: whatever it breaks, it takes nothing else of the batch with it."""
        attempt = batch.savepoint()
        try:
            step = self._handler.decide(record, attempt)
            attempt.check_sizes(self._handler.largest)
        except RecordTooLarge as error:
            log.error("event %s/%d/%d is given up: %s", *record[:3], error)
            self._handler.give_up(record, error, batch)
            return None
        except WorkerError:
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
            # Not kept in a variable: Faust waits for events that somebody still holds before it gives up partitions.
            await self._finish(await self._pending.get(), stream)
            self._slots.release()

    async def _finish(self, pending: _Pending[StepT, AnswerT], stream: Any) -> None:
        answers = await pending.answers
        try:
            self._check_lease(pending)
            with self._metrics.stage("conclude"):
                self._conclude(pending, answers)
            with self._metrics.stage("deliver"):
                await self._deliver(pending)
        except LeaseLost as lost:
            log.warning("%d events are left to the owner of their partitions: %s", len(pending.events), lost)
            self._state.hide(pending.batch.state)
            self._leave_to_their_owner(pending.events)
        else:
            await self._acknowledge(stream, pending.events)

    def _check_lease(self, pending: _Pending[StepT, AnswerT]) -> None:
        """LeaseLost where the events' partitions were assigned anew since they were read, be it to this worker."""
        pending.lease.check()
        if not faust_internals.is_current(self._app, pending.events[0]):
            raise LeaseLost("the partitions were assigned anew")

    def _leave_to_their_owner(self, events: list[Any]) -> None:
        faust_internals.untrack(self._app, events)
        self._metrics.left_to_others(len(events))

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
                attempt.check_sizes(self._handler.largest)
            except StateUnavailable:
                raise
            except Exception as error:
                log.exception("event %s/%d/%d failed", *record[:3])
                self._handler.give_up(record, error, pending.batch)
            else:
                pending.batch.merge(attempt)
        self._state.show({s: v for s, v in pending.batch.state.items() if s not in decided})

    async def _deliver(self, pending: _Pending[StepT, AnswerT]) -> None:
        """Steps 5 and 6. Nothing may be awaited between the last look at the lease and the write."""
        try:
            ends = await self._producer.send(pending.lease, pending.batch.all_records())
        except KafkaError as error:
            raise RecordRefused(_why_refused(pending.events, error)) from error
        self._check_lease(pending)
        self._state.write(pending.batch.state)
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


def _why_refused(events: Sequence[Any], error: KafkaError) -> str:
    ranges: dict[tuple[str, int], list[int]] = {}
    for event in events:
        ranges.setdefault((event.message.topic, event.message.partition), []).append(event.message.offset)
    told = "; ".join(f"{topic}/{partition}: {min(o)} to {max(o)}" for (topic, partition), o in sorted(ranges.items()))
    return (
        f"what came of the events at these offsets ({told}) could not be delivered: {error!r}; see whether the topics "
        "are as `nextup topics` wants them, and whether this client may write to them. With worker.max_batch = 1 "
        "the one event is told here, and `nextup skip` passes it over"
    )
