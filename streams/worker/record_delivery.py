"""Send records in batches, one per partition, and wait until the broker has them all."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer

from streams.worker.batch import Record


class _Sent(NamedTuple):
    """One batch on its way."""

    topic: str
    partition: int
    n_records: int
    delivery: "asyncio.Future[Any]"


async def send_and_await(producer: AIOKafkaProducer, records: Sequence[Record]) -> dict[tuple[str, int], int]:
    """Send records, in order within each partition, and wait until the broker has them all.

    One batch per partition with one future, instead of one future per record, is most of the worker's
    speed. Returns the offset of the last record per (topic, partition). Raises what the producer raises, and not
    before every batch has arrived or failed: nothing of it is under way any more then.
    """
    sent: list[_Sent] = []
    try:
        for (topic, partition), of_partition in _by_partition(records).items():
            for batch in _record_batches(producer, of_partition):
                delivery = await producer.send_batch(batch, topic, partition=partition)
                sent.append(_Sent(topic, partition, batch.record_count(), delivery))
    finally:
        if sent:
            await asyncio.wait([each.delivery for each in sent])
    return {(each.topic, each.partition): each.delivery.result().offset + each.n_records - 1 for each in sent}


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
