"""Records straight onto a topic, where no publisher of ours is asked."""

from collections.abc import Mapping

from confluent_kafka import Producer

from streams.contract.connection import KafkaConnection
from streams.contract.partitioner import MURMUR2
from streams.contract.topics import Topic


def send(kafka: KafkaConnection, topic: Topic, values: Mapping[bytes, bytes]) -> None:
    """Returns when all have arrived."""
    producer = Producer(kafka.for_confluent(partitioner=MURMUR2))
    for key, value in values.items():
        producer.produce(kafka.topic_prefix + topic.name, value, key)
    assert producer.flush(60) == 0
