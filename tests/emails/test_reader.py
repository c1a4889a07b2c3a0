"""Reading what decisions depend on, from a real broker."""

import time
from pathlib import Path

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer
from streams.contract.partitioner import MURMUR2
from streams.emails.reader import Reader
from streams.emails.state import opened


def test_a_record_without_a_timestamp_is_read_like_any_other(kafka: KafkaConnection, tmp_path: Path) -> None:
    """As one is that a shop's older topic holds: ours stamp records themselves."""
    _stamp_as_sent(kafka)
    producer = Producer(kafka.for_confluent(partitioner=MURMUR2))
    customer = messages.encode(Customer("ada", "ada@home.example"))
    producer.produce(kafka.topic_prefix + topics.CUSTOMERS.name, customer, b"ada", timestamp=-1)
    assert producer.flush(60) == 0
    with opened(tmp_path / "state") as state:
        reader = Reader(kafka, state)
        (record,) = [record for records in reader.missed() for record in records]
        reader.close()
    assert (record.value, record.at) == (customer, None)


def _stamp_as_sent(kafka: KafkaConnection) -> None:
    entry = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    name = kafka.topic_prefix + topics.CUSTOMERS.name
    resource = ConfigResource(ResourceType.TOPIC, name, incremental_configs=[entry])
    admin = AdminClient(kafka.for_confluent())
    admin.incremental_alter_configs([resource])[resource].result(10)
    time.sleep(1)
