"""The topics as a real broker has them."""

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from deploy.stack.process import wait_until
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.reading import read_to_end
from streams.contract.topics import TOPICS, TopicLayout

LAYOUT = TopicLayout(partitions=3)


@pytest.fixture
def admin(bare_kafka: KafkaConnection) -> AdminClient:
    return AdminClient(bare_kafka.for_confluent())


def partitions_of(admin: AdminClient, name: str) -> int:
    """0 where there is no such topic. What was changed shows a moment later."""
    topics_found = admin.list_topics(timeout=10).topics
    return len(topics_found[name].partitions) if name in topics_found else 0


def settings_of(admin: AdminClient, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = admin.describe_configs([resource])[resource].result()
    return {key: entry.value for key, entry in entries.items()}


def test_missing_topics_are_created_with_their_settings(bare_kafka: KafkaConnection, admin: AdminClient) -> None:
    created = topics.ensure(bare_kafka, LAYOUT)
    assert created == [bare_kafka.topic_prefix + topic.name for topic in TOPICS]
    described = admin.list_topics(timeout=10).topics
    for topic in TOPICS:
        assert len(described[bare_kafka.topic_prefix + topic.name].partitions) == LAYOUT.partitions_of(topic)
        assert topic.config.items() <= settings_of(admin, bare_kafka.topic_prefix + topic.name).items()


def test_a_second_time_nothing_is_created(bare_kafka: KafkaConnection) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    assert topics.ensure(bare_kafka, LAYOUT) == []
    assert topics.check(bare_kafka) == LAYOUT.partitions


def test_a_topic_that_went_missing_is_created_anew(bare_kafka: KafkaConnection, admin: AdminClient) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    items = bare_kafka.topic_prefix + topics.ITEMS.name
    admin.delete_topics([items])[items].result()
    wait_until(lambda: partitions_of(admin, items) == 0, 10, "the topic is gone")
    with pytest.raises(TopicMismatch, match=r"missing: items.*nextup topics"):
        topics.check(bare_kafka)
    assert topics.ensure(bare_kafka, LAYOUT) == [items]


def test_another_partition_count_is_an_error_that_says_what_to_do(bare_kafka: KafkaConnection) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    with pytest.raises(TopicMismatch, match=r"purchases has 3 partitions, wanted 5.*set partitions = 3"):
        topics.ensure(bare_kafka, TopicLayout(partitions=5))


def test_a_topic_that_was_widened_by_hand_is_noticed(bare_kafka: KafkaConnection, admin: AdminClient) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    log = bare_kafka.topic_prefix + topics.PURCHASE_LOG.name
    admin.create_partitions([NewPartitions(log, 4)])[log].result()
    wait_until(lambda: partitions_of(admin, log) == 4, 10, "the topic has a fourth partition")
    with pytest.raises(TopicMismatch, match="purchase-log has 4 partitions, wanted 3"):
        topics.check(bare_kafka)


def test_another_cleanup_policy_is_an_error(bare_kafka: KafkaConnection, admin: AdminClient) -> None:
    name = bare_kafka.topic_prefix + topics.RECOMMENDATIONS.name
    new = NewTopic(name, num_partitions=3, replication_factor=1, config={"cleanup.policy": "delete"})
    admin.create_topics([new])[name].result()
    with pytest.raises(TopicMismatch, match=r"--add-config cleanup\.policy=compact"):
        topics.ensure(bare_kafka, LAYOUT)


OLD_SETTINGS = {"message.timestamp.type": "CreateTime", "max.message.bytes": "1000"}


@pytest.mark.parametrize(("setting", "value"), OLD_SETTINGS.items())
def test_a_setting_that_loses_records_is_an_error_and_is_mended_on_demand(
    bare_kafka: KafkaConnection, admin: AdminClient, setting: str, value: str
) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    name = bare_kafka.topic_prefix + topics.PURCHASES.name
    entry = ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result()
    wait_until(lambda: settings_of(admin, name)[setting] == value, 10, "the setting is another")
    with pytest.raises(TopicMismatch, match=rf"purchases has {setting}={value}, wanted .*nextup topics --fix"):
        topics.check(bare_kafka)
    topics.ensure(bare_kafka, LAYOUT, fix=True)
    wait_until(lambda: settings_of(admin, name)[setting] != value, 10, "the setting is mended")
    assert topics.check(bare_kafka) == LAYOUT.partitions


def test_too_few_replicas_are_an_error_that_says_what_to_do(bare_kafka: KafkaConnection) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    with pytest.raises(TopicMismatch, match=r"purchases has 1 replicas, wanted 3.*kafka-reassign-partitions") as caught:
        topics.check(bare_kafka, TopicLayout(replication_factor=3))
    assert "min.insync.replicas=1, wanted at least 2" in str(caught.value)


def test_partitions_that_were_added_to_purchases_are_told_as_that(
    bare_kafka: KafkaConnection, admin: AdminClient
) -> None:
    topics.ensure(bare_kafka, LAYOUT)
    name = bare_kafka.topic_prefix + topics.PURCHASES.name
    admin.create_partitions([NewPartitions(name, 5)])[name].result()
    wait_until(lambda: partitions_of(admin, name) == 5, 10, "the topic has five partitions")
    for look in (topics.check, lambda kafka: topics.ensure(kafka, LAYOUT)):
        with pytest.raises(TopicMismatch, match=r"it has 5, and all that follows from it has 3.*topic_prefix"):
            look(bare_kafka)


def test_no_broker_is_an_error_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics, "TIMEOUT_S", 1.0)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 "):
        topics.check(KafkaConnection("127.0.0.1:1"))


def test_a_topic_is_read_to_its_end_and_no_further(kafka: KafkaConnection) -> None:
    name = kafka.topic_prefix + topics.PURCHASES.name
    producer = Producer(kafka.for_confluent())
    for number in range(1_000):
        producer.produce(name, b"%d" % number, b"key")
    producer.produce(name, None, b"tombstone")
    producer.flush()
    values = [message.value() for message in read_to_end(kafka, name)]
    assert sorted(value for value in values if value) == sorted(b"%d" % number for number in range(1_000))
    assert values.count(None) == 1


def test_only_the_tail_is_read_where_only_that_is_wanted(kafka: KafkaConnection) -> None:
    name = kafka.topic_prefix + topics.MODEL_VERSIONS.name
    producer = Producer(kafka.for_confluent())
    for number in range(10):
        producer.produce(name, b"%d" % number, b"next-purchase")
    producer.flush()
    assert [message.value() for message in read_to_end(kafka, name, tail=3)] == [b"7", b"8", b"9"]


def test_reading_ends_where_the_last_offsets_hold_no_record(kafka: KafkaConnection) -> None:
    name = kafka.topic_prefix + topics.PURCHASES.name
    producer = Producer(kafka.for_confluent(transactional_id=name))
    producer.init_transactions()
    for commit in (producer.commit_transaction, producer.abort_transaction):
        producer.begin_transaction()
        for number in range(10):
            producer.produce(name, b"%d" % number, b"%d" % number)
        producer.flush()
        commit()
    assert len(list(read_to_end(kafka, name))) == 10


def test_a_topic_that_is_missing_cannot_be_read(bare_kafka: KafkaConnection) -> None:
    with pytest.raises(TopicMismatch, match="nextup topics"):
        list(read_to_end(bare_kafka, bare_kafka.topic_prefix + topics.ITEMS.name))
