"""The only file that reaches into Faust: what is used, why, and when it can go.

Faust's documented shape (one event at a time, `table[key] = value`, `topic.send`) acknowledges offsets
whose sends are still in a buffer, so a killed worker loses lists, and it handles about a tenth of the
events per second. What the durable agent needs instead is not in Faust's public interface:

- `drain`             whatever lies in a stream's queue, at once. `Stream.take_events` waits on a timer
                      counted from the last batch, under load as well as at rest.
- `partition_store`   a table partition's RocksDB, to be written only after the broker has the changelog.
                      `table[key] = value` writes RocksDB first and sends the changelog later, and
                      raises inside a batch (faust-streaming issues #300, #497).
- `await_deliveries_directly`
                      Faust wraps each record into two tasks to watch for a suspended flow; that is
                      40% of a busy worker's processor time.
- `seek_with_flow_stopped`
                      after a rebalance Faust goes back to the committed offsets while it fetches, and drops
                      what arrives before it has opened its flow: events that nobody reads again
                      (faust-streaming issue #216, whose fix leaves out workers with tables). Where nothing
                      is committed yet it does not go back at all, because aiokafka's `seek_to_committed`
                      skips such partitions: a group's very first events would never be read.
- `before_recovery`     a step of our own between the assignment of partitions and the moment at which Faust looks
                      how far their changelogs reach; Faust has no signal there that it waits for.
- `untrack`           events that this worker leaves to others. Before it gives up partitions, Faust waits until
                      every event that it has handed out is acknowledged, and these never are.
- `read_committed`    Faust reads what transactions have aborted or not yet committed, unless it writes in
                      transactions itself; it has no setting for the one without the other.
- `stand_rebalances`    what Faust asserts of a partition's position while its other thread gives partitions away ends
                      the worker with an AssertionError without a word, and a recovery that takes too long ends in
                      silence, never to be begun again.
- `ask_for_partitions`  a static member that starts again is given its last assignment. Where that was made while the
                      source topic was missing, it holds the tables' partitions alone, and stays so.
- `assigned_partitions`, `is_recovered`, `restoration`
                      how far a worker is between its start and its first event. Faust tells its log.

Written against faust-streaming 0.15.3, pinned in pyproject.toml. `tests/unit/test_faust_internals.py`
holds a digest of each method named here and fails when one of them changes.
"""

from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from types import CoroutineType
from typing import Any
from weakref import WeakKeyDictionary

import faust
from aiokafka.errors import IllegalStateError
from faust.exceptions import ConsumerNotStarted
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, ensure_aiokafka_TP
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaConsumer
from faust.types import TP
from rocksdict import Rdict

from streams.worker.errors import WorkerError

FAUST_VERSION = "0.15.3"


def drain(app: faust.App, stream: Any, most: int) -> list[Any]:
    """Up to `most` events that already lie in the stream's queue; never waits.

    Follows the rules of `Stream.__aiter__`: an event of an earlier assignment, or one that was queued
    before the flow was suspended, is dropped (it will be read again), and what is handed out is tracked
    so that its offset is not committed before it is acknowledged.
    """
    queue = stream.channel.queue
    events: list[Any] = []
    while len(events) < most and not queue.empty():
        event = queue.get_nowait()
        message = event.message
        if not app.flow_control.is_active() or message.generation_id != app.consumer_generation_id:
            continue
        if not message.tracked and message.topic in app.topics.acking_topics:
            app.consumer.track_message(message)
        events.append(event)
    return events


def is_current(app: faust.App, event: Any) -> bool:
    """Whether the event's partition still belongs to this worker under the assignment it was read in."""
    return bool(event.message.generation_id == app.consumer_generation_id)


def untrack(app: faust.App, events: Iterable[Any]) -> None:
    """Have Faust not wait for these events; their offsets are not committed."""
    for event in events:
        app.consumer._unacked_messages.discard(event.message)


def before_recovery(app: faust.App, prepare: Callable[[frozenset[int]], Awaitable[None]]) -> None:
    """Await `prepare(partitions)` after each assignment, before the state of these partitions is restored.

    Faust restores up to the ends that the changelogs have after it. What it raises ends the worker.
    """
    _preparations[app] = prepare
    Recovery._build_highwaters = _build_highwaters_when_prepared


_preparations: WeakKeyDictionary[faust.App, Callable[[frozenset[int]], Awaitable[None]]] = WeakKeyDictionary()
_build_highwaters = Recovery._build_highwaters


async def _build_highwaters_when_prepared(
    self: Any, consumer: Any, partitions: Collection[TP], destination: Any, title: str
) -> None:
    prepare = _preparations.get(self.app)
    if prepare and title == "active":
        await prepare(frozenset(tp.partition for tp in partitions))
    await _build_highwaters(self, consumer, partitions, destination, title)


def partition_store(table: Any, partition: int) -> Rdict:
    """The RocksDB database behind one partition of a table."""
    store: Rdict = table.data._db_for_partition(partition)
    return store


def set_persisted_offset(table: Any, partition: int, offset: int) -> None:
    """Remember in RocksDB up to which changelog offset it holds everything; recovery starts behind it."""
    table.data.set_persisted_offset(TP(table.changelog_topic_name, partition), offset)


def assigned_partitions(app: faust.App, topic: str) -> frozenset[int]:
    """The partitions of a topic that are this worker's; none before its consumer has started."""
    try:
        return frozenset(tp.partition for tp in app.consumer.assignment() if tp.topic == topic)
    except ConsumerNotStarted:
        return frozenset()


def ask_for_partitions(app: faust.App) -> None:
    """Join the consumer group again, for an assignment from what topics there are now."""
    thread = app.consumer._thread
    thread.thread_loop.call_soon_threadsafe(thread._consumer._coordinator.request_rejoin)


def is_recovered(app: faust.App) -> bool:
    """Whether all tables are complete for the assignment of now."""
    return bool(app.tables.actives_ready and not app.rebalancing)


def restoration(app: faust.App) -> tuple[int, int]:
    """Sum of the changelog offsets that were read so far, and how many records are still to be read."""
    read = app.tables.recovery.active_offsets  # None for a partition that was never read
    left = sum((end or 0) - (read[tp] or 0) for tp, end in app.tables.recovery.active_highwaters.items())
    return sum(offset or 0 for offset in read.values()), max(0, left)


_wait_first = Consumer.wait_first


async def _wait_first_directly(
    self: Any,
    *awaitables: Awaitable[Any],
    timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
) -> Any:
    """`_drain_messages` calls this once per record with (callback, suspend_flow.wait()).

    The callback only puts the record into the agents' queues; unless the flow is already suspended it
    may be awaited as it is.
    """
    if len(awaitables) == 2 and not self.suspend_flow.is_set():
        callback, suspended = awaitables
        if _is_delivery(callback) and isinstance(suspended, Coroutine):
            suspended.close()
            await callback
            return None
    return await _wait_first(self, *awaitables, timeout=timeout)


def _is_delivery(awaitable: Awaitable[Any]) -> bool:
    return isinstance(awaitable, CoroutineType) and awaitable.__name__ == "on_message"


def await_deliveries_directly() -> None:
    """Install the shortcut for all consumers of this process."""
    AIOKafkaConsumer.wait_first = _wait_first_directly


_perform_seek = Consumer.perform_seek


async def _perform_seek_with_flow_stopped(self: Any) -> None:
    """`Recovery.on_recovery_completed` opens the flow of the queues, which empties them, and then this one."""
    self.stop_flow()
    await _perform_seek(self)
    sources = [tp for tp in self.assignment() if not self._is_changelog_tp(tp)]
    uncommitted = [ensure_aiokafka_TP(tp) for tp in sources if not self._read_offset.get(tp)]
    if uncommitted:
        await self._thread.seek_to_beginning(*uncommitted)


def seek_with_flow_stopped() -> None:
    """Have all consumers of this process go back as far as nothing is committed, and fetch nothing on the way."""
    AIOKafkaConsumer.perform_seek = _perform_seek_with_flow_stopped


_create_worker_consumer = AIOKafkaConsumerThread._create_worker_consumer


def _create_committed_consumer(self: Any, transport: Any) -> Any:
    consumer = _create_worker_consumer(self, transport)
    consumer._isolation_level = "read_committed"  # aiokafka looks at it in `start`
    return consumer


def read_committed() -> None:
    """Have all consumers of this process read no record of a transaction that is aborted or open."""
    AIOKafkaConsumerThread._create_worker_consumer = _create_committed_consumer


def stand_rebalances() -> None:
    """Have a rebalance in the middle of a step of Faust's be one, and a step that takes too long an error.

    Faust's detector of stalled streams only logs, and our own watchdog looks for the same: it is left out.
    """
    AIOKafkaConsumer.verify_event_path = _nothing_to_verify
    AIOKafkaConsumer.verify_recovery_event_path = _nothing_to_verify
    AIOKafkaConsumerThread.highwater = _highwater_if_assigned
    Recovery._wait = _wait_or_fail


def _nothing_to_verify(self: Any, now: float, tp: TP) -> None:
    """Take the place of a check that asks for positions which a partition has not yet, or no longer."""


_highwater = AIOKafkaConsumerThread.highwater


def _highwater_if_assigned(self: Any, tp: TP) -> int:
    """The end of a partition, for Faust's monitor; 0 where the partition was revoked meanwhile."""
    try:
        return int(_highwater(self, tp))
    except AssertionError:
        return 0


_wait = Recovery._wait


async def _wait_or_fail(self: Any, coro: Any, timeout: float | None = None) -> None:  # noqa: ASYNC109 - as Faust's
    """One step of a recovery: RebalanceAgain where another begins meanwhile, WorkerError after `timeout` seconds."""
    try:
        await _wait(self, coro, timeout=timeout)
    except ServiceStopped:
        if self.should_stop or self.crashed:
            raise
        raise WorkerError(
            f"the state could not be restored: a step of it took longer than {timeout:g} s; see whether the brokers "
            "answer, and start the worker again"
        ) from None
    except AssertionError as error:
        # aiokafka asserts where a partition is not, or no longer, assigned: Faust waits for the next assignment then.
        raise IllegalStateError("partitions were taken away in the middle of a recovery") from error
    except ValueError as error:
        if self.signal_recovery_start.is_set():
            raise RebalanceAgain from error
        raise
