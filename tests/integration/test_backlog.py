"""What waits for a group, as the watchdog asks it of a real broker."""

import time
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.stack.broker import Broker
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.reading import assigned_consumer, available_span
from streams.worker.backlog import Backlog, Waiting
from tests.conftest import PARTITIONS
from tests.integration.workers import Source

GROUP = "backlog-test"
TIMEOUT_S = 3.0


def commit(kafka: KafkaConnection, partition: int, offset: int) -> None:
    topic = kafka.topic_prefix + topics.PURCHASES.name
    consumer = Consumer(kafka.for_confluent(group_id=kafka.topic_prefix + GROUP))
    consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
    consumer.close()


def watermarks(kafka: KafkaConnection, partition: int) -> tuple[int, int]:
    consumer = assigned_consumer(kafka)
    span = available_span(consumer, TopicPartition(kafka.topic_prefix + topics.PURCHASES.name, partition))
    consumer.close()
    return span.start, span.end


def backlog(kafka: KafkaConnection) -> Backlog:
    source = kafka.topic_prefix + topics.PURCHASES.name
    return Backlog(kafka, kafka.topic_prefix + GROUP, source, TIMEOUT_S)


def test_what_is_not_committed_waits_in_the_partitions_that_are_asked_for(kafka: KafkaConnection) -> None:
    source = Source(kafka)
    for number in range(20):
        source.buy(f"u{number}", f"e{number}", "a")
    source.flush()
    asked = backlog(kafka)
    assert asked.ask(range(PARTITIONS)) == Waiting(records=20, is_work=True, committed=0)
    _, in_first = watermarks(kafka, 0)
    assert asked.ask([0]) == Waiting(records=in_first, is_work=True, committed=0)
    commit(kafka, 0, in_first)
    assert asked.ask([0]) == Waiting(records=0, is_work=False, committed=in_first)
    assert asked.ask(range(PARTITIONS)) == Waiting(records=20 - in_first, is_work=True, committed=in_first)
    asked.close()


def test_a_marker_of_a_transaction_waits_and_is_no_work(kafka: KafkaConnection) -> None:
    producer = Producer(kafka.for_confluent(transactional_id=f"{kafka.topic_prefix}shop"))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(kafka.topic_prefix + topics.PURCHASES.name, b"an event", b"u", partition=1)
    producer.commit_transaction(30)
    commit(kafka, 1, 1)
    asked = backlog(kafka)
    assert asked.ask([1]) == Waiting(records=1, is_work=False, committed=1)
    began = time.monotonic()
    asked.ask([1])
    assert time.monotonic() - began < 0.5, "asking is cheap also where there is nothing to fetch"
    asked.close()


def test_an_open_transaction_is_no_work(kafka: KafkaConnection) -> None:
    producer = Producer(kafka.for_confluent(transactional_id=f"{kafka.topic_prefix}shop"))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(kafka.topic_prefix + topics.PURCHASES.name, b"an event", b"u", partition=1)
    assert producer.flush(30) == 0
    asked = backlog(kafka)
    waiting = asked.ask([1])
    assert waiting is not None
    assert not waiting.is_work
    asked.close()
    producer.abort_transaction(30)


def test_a_broker_that_says_nothing_is_told_apart_from_no_work(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        kafka = KafkaConnection(bootstrap_servers=broker.bootstrap_servers)
        topics.ensure(kafka, topics.TopicLayout(partitions=PARTITIONS))
        asked = backlog(kafka)
        assert asked.ask([0]) == Waiting(0, is_work=False, committed=0)
        broker.stop()
        began = time.monotonic()
        assert asked.ask([0]) is None
        assert time.monotonic() - began < TIMEOUT_S + 1
        asked.close()
