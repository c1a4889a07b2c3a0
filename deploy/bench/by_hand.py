"""The limit to compare with: the worker's journey on confluent-kafka and rocksdict, without Faust.

The same decisions, questions and records in the same durable order, two batches in flight; but one
process that owns all partitions, so no rebalancing, no recovery from the changelog, no group. Run as
`python -m deploy.bench.by_hand`, with the settings of `nextup worker`.
"""

import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import uvloop
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition
from rocksdict import Options, Rdict

from deploy.settings import Settings, load
from streams.contract import topics
from streams.worker.answering import Answer
from streams.worker.app import WorkerParts, assemble
from streams.worker.batch import Batch, SourceRecord, StateTable
from streams.worker.metrics import Metrics
from streams.worker.purchase_journey import Forgotten, Step
from streams.worker.state import State


class _Pending(NamedTuple):
    messages: list[Message]
    batch: Batch
    steps: list[Step | Forgotten]
    answers: "asyncio.Task[list[Answer]]"


class ByHand:
    """Reads, decides, asks, delivers, writes and commits, until it is ended."""

    def __init__(self, settings: Settings, parts: WorkerParts) -> None:
        kafka, worker = settings.kafka, settings.worker
        self._journey = parts.journey
        self._max_batch = worker.max_batch
        self._folder = Path(worker.datadir)
        self._stores: dict[tuple[str, int], Rdict] = {}
        self._state = State(self._store)
        self._consumer = Consumer(
            kafka.for_confluent(
                group_id=kafka.topic_prefix + worker.group,
                auto_offset_reset="earliest",
                enable_auto_commit=False,
                fetch_wait_max_ms=100,
            )
        )
        self._consumer.subscribe([kafka.topic_prefix + topics.PURCHASES.name])
        self._producer = Producer(
            kafka.for_confluent(enable_idempotence=True, linger_ms=0, queue_buffering_max_messages=200_000)
        )
        self._undelivered: list[KafkaError] = []

    async def run(self) -> None:
        pending: _Pending | None = None
        while True:
            messages = await self._take(wait_s=0.0 if pending else 0.5)
            began = self._begin(messages) if messages else None
            if pending:
                await self._finish(pending)
            pending = began

    async def _take(self, wait_s: float) -> list[Message]:
        loop = asyncio.get_running_loop()
        first = self._consumer.poll(0) or (await loop.run_in_executor(None, self._consumer.poll, wait_s))
        if first is None:
            return []
        taken = [first, *self._consumer.consume(self._max_batch - 1, timeout=0)]
        return [message for message in taken if message.error() is None]

    def _begin(self, messages: list[Message]) -> _Pending:
        batch = Batch(self._state)
        steps = [step for step in (self._journey.decide(_record(m), batch) for m in messages) if step is not None]
        self._state.show(batch.state)
        return _Pending(messages, batch, steps, asyncio.ensure_future(self._journey.ask(steps)))

    async def _finish(self, pending: _Pending) -> None:
        decided = set(pending.batch.state)
        for step, answer in zip(pending.steps, await pending.answers, strict=True):
            self._journey.conclude(step, answer, pending.batch)
        self._state.show({slot: value for slot, value in pending.batch.state.items() if slot not in decided})
        await self._deliver(pending.batch)
        self._state.write(pending.batch.state)
        self._consumer.commit(offsets=list(_places(pending.messages)), asynchronous=True)

    async def _deliver(self, batch: Batch) -> None:
        for record in batch.all_records():
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                record.partition,
                on_delivery=self._on_delivery,
                headers=list(record.headers),
            )
        await asyncio.get_running_loop().run_in_executor(None, self._producer.flush, 30)
        if self._undelivered:
            raise RuntimeError(f"not delivered: {self._undelivered[0]}")

    def _on_delivery(self, error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            self._undelivered.append(error)

    def _store(self, table: StateTable, partition: int) -> Rdict:
        name = table.name, partition
        if name not in self._stores:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._stores[name] = Rdict(str(self._folder / f"{table.name}-{partition}"), Options(raw_mode=True))
        return self._stores[name]


def _record(message: Message) -> SourceRecord:
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    if topic is None or partition is None or offset is None:
        raise RuntimeError("a record without a place")
    return SourceRecord(topic, partition, offset, message.key(), message.value(), ())


def _places(messages: Sequence[Message]) -> Iterator[TopicPartition]:
    newest = {(message.topic(), message.partition()): message.offset() for message in messages}
    for (topic, partition), offset in newest.items():
        if topic is not None and partition is not None and offset is not None:
            yield TopicPartition(topic, partition, offset + 1)


def main() -> None:
    settings = load(None, os.environ)
    parts = assemble(
        settings.kafka,
        settings.triton,
        settings.worker,
        settings.models.repository,
        settings.models.name,
        topics.check(settings.kafka),
        Metrics(),
    )
    for followed in parts.followed:
        followed.start()
    uvloop.run(ByHand(settings, parts).run())


if __name__ == "__main__":
    main()
