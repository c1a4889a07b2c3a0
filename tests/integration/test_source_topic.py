"""What a real broker says of the topic that workers read."""

import logging

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.reading import assigned_consumer
from streams.worker.source_topic import SourceTopic
from tests.integration.workers import Source, eventually


@pytest.fixture
def source_topic(kafka: KafkaConnection) -> SourceTopic:
    return SourceTopic(kafka, kafka.topic_prefix + "nextup", kafka.topic_prefix + topics.PURCHASES.name)


def test_records_that_were_deleted_unread_are_counted_and_told(
    kafka: KafkaConnection, source_topic: SourceTopic, caplog: pytest.LogCaptureFixture
) -> None:
    source = Source(kafka)
    for number in range(10):
        source.buy("u", f"e{number}", "item")
    source.flush()
    partition = next(p for p in range(4) if _end(kafka, source_topic.topic, p) == 10)
    consumer = assigned_consumer(kafka, group_id=source_topic.group)
    consumer.commit(offsets=[TopicPartition(source_topic.topic, partition, 3)], asynchronous=False)
    source_topic.look_for_losses(range(4))
    assert source_topic.n_lost == 0
    place = TopicPartition(source_topic.topic, partition, 7)
    admin = AdminClient(kafka.for_confluent())
    admin.delete_records([place])[place].result(10)
    with caplog.at_level(logging.WARNING):
        source_topic.look_for_losses(range(4))
    assert source_topic.n_lost == 4
    assert f"{source_topic.topic}/{partition}: the records 3 to 6, 4 of them, were deleted" in caplog.text
    assert source_topic.first_offset(partition) == 7


def test_a_topic_that_is_made_anew_has_another_id(kafka: KafkaConnection, source_topic: SourceTopic) -> None:
    assert source_topic.current_id() == source_topic.topic_id
    admin = AdminClient(kafka.for_confluent())
    admin.delete_topics([source_topic.topic])[source_topic.topic].result()
    eventually(source_topic.current_id, lambda found: found is None, "no such topic")
    topics.ensure(kafka, topics.TopicLayout(partitions=4))
    assert source_topic.current_id() not in {None, source_topic.topic_id}


def _end(kafka: KafkaConnection, topic: str, partition: int) -> int:
    _, high = assigned_consumer(kafka).get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
    return int(high)
