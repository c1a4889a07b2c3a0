"""Two workers' producers for one partition at a real broker: a claim shuts out the owner before."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiokafka import AIOKafkaProducer

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import NO_USER
from streams.contract.reading import read_to_end
from streams.worker.app import _producer
from streams.worker.batch import Record
from streams.worker.errors import LeaseLost
from streams.worker.fenced_producer import FencedProducer
from tests.integration.workers import records

OTHER_TOPIC = topics.DEAD_LETTERS


class Worker:
    """What a worker writes to the state of its partitions."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.topic = kafka.topic_prefix + topics.RECOMMENDATIONS.name
        new_producer = partial(_producer, kafka)
        self.producer = FencedProducer(new_producer, kafka.topic_prefix + "group", [self.topic])

    async def write(self, key: str, partition: int = 0) -> dict[tuple[str, int], int]:
        record = Record(self.topic, partition, key.encode(), b"value")
        return await self.producer.send(self.producer.lease, [record])


@pytest.fixture
async def workers(kafka: KafkaConnection) -> AsyncIterator[tuple[Worker, Worker]]:
    old, new = Worker(kafka), Worker(kafka)
    async with old.producer, new.producer:
        yield old, new


def _keys(kafka: KafkaConnection) -> list[bytes | None]:
    return [message.key() for message in records(kafka, topics.RECOMMENDATIONS)]


async def test_a_claim_shuts_out_the_owner_before(kafka: KafkaConnection, workers: tuple[Worker, Worker]) -> None:
    old, new = workers
    await old.producer.claim([0])
    await old.write("first")
    await new.producer.claim([0])
    with pytest.raises(LeaseLost):
        await old.write("late")
    assert not old.producer.lease.is_valid
    await new.write("second")
    assert _keys(kafka) == [b"first", b"second"]


async def test_a_claim_begins_with_a_record_in_each_partition_behind_all_that_came_before(
    kafka: KafkaConnection, workers: tuple[Worker, Worker]
) -> None:
    old, new = workers
    await old.producer.claim([0, 1])
    before = await old.write("first")
    await new.producer.claim([0, 1])
    found = list(read_to_end(kafka, new.topic))
    fences = [(each.partition(), each.offset()) for each in found if each.key() == NO_USER]
    assert (0, before[new.topic, 0] + 1) in fences
    assert sorted(partition or 0 for partition, _ in fences) == [0, 0, 1, 1]


async def test_partitions_are_claimed_one_by_one(kafka: KafkaConnection, workers: tuple[Worker, Worker]) -> None:
    old, new = workers
    await old.producer.claim([0, 1])
    await new.producer.claim([0])
    await old.write("still mine", partition=1)
    await new.write("mine", partition=0)
    with pytest.raises(LeaseLost):
        await old.write("late", partition=0)
    assert sorted(filter(None, _keys(kafka))) == [b"mine", b"still mine"]


async def test_what_was_decided_under_an_earlier_lease_is_not_sent(workers: tuple[Worker, Worker]) -> None:
    worker, _ = workers
    await worker.producer.claim([0])
    before = worker.producer.lease
    await worker.producer.claim([0])
    with pytest.raises(LeaseLost):
        await worker.producer.send(before, [Record(worker.topic, 0, b"u", b"stale")])
    await worker.write("fresh")


async def test_an_epoch_may_be_renewed_between_two_batches(
    kafka: KafkaConnection, workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    worker, _ = workers
    await worker.producer.claim([0])
    await asyncio.gather(*(worker.write(f"{number}") for number in range(5)))
    monkeypatch.setattr("streams.worker.fenced_producer.RENEW_AFTER_S", 0.0)
    await worker.producer.renew()
    await worker.write("after")
    assert worker.producer.lease.is_valid
    assert len(_keys(kafka)) == 6


async def test_other_topics_are_not_fenced(kafka: KafkaConnection, workers: tuple[Worker, Worker]) -> None:
    old, new = workers
    letter = Record(kafka.topic_prefix + OTHER_TOPIC.name, 0, b"u", b"letter")
    await old.producer.claim([0])
    await new.producer.claim([0])
    await old.producer.send_unfenced([letter])
    assert len(records(kafka, OTHER_TOPIC)) == 1


async def test_no_claim_without_a_broker(workers: tuple[Worker, Worker], monkeypatch: pytest.MonkeyPatch) -> None:
    worker, _ = workers
    monkeypatch.setattr("streams.worker.fenced_producer.CLAIM_WITHIN_S", 0.5)

    async def never(_: AIOKafkaProducer) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(AIOKafkaProducer, "start", never)
    with pytest.raises(Exception, match=r"partitions \[0\] could not be claimed within 0.5 s"):
        await worker.producer.claim([0])
    assert not worker.producer.lease.is_valid
