"""Reading what decisions depend on, from a real broker."""

from pathlib import Path

from confluent_kafka import Producer

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.email_messages import Customer
from streams.contract.partitioner import MURMUR2
from streams.emails.reader import Reader
from streams.emails.state import opened


def test_a_record_without_a_timestamp_is_read_like_any_other(kafka: KafkaConnection, tmp_path: Path) -> None:
    producer = Producer(kafka.for_confluent(partitioner=MURMUR2))
    customer = messages.encode(Customer("ada", "ada@home.example"))
    producer.produce(kafka.topic_prefix + topics.CUSTOMERS.name, customer, b"ada", timestamp=-1)
    assert producer.flush(60) == 0
    with opened(tmp_path / "state") as state:
        reader = Reader(kafka, state)
        (record,) = [record for records in reader.missed() for record in records]
        reader.close()
    assert (record.value, record.at) == (customer, None)
