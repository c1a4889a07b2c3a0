"""All clients put a key into the same partition: librdkafka, aiokafka, Kafka's own Java producer, and our function."""

import random
import subprocess

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import Producer

from deploy.stack.broker import Broker
from deploy.stack.locations import broker_jars, java
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.partitioner import MURMUR2, partition_of
from streams.contract.reading import read_to_end

PARTITIONS = 4
KEYS = [
    *(str(user_id) for user_id in range(12_346, 12_546)),
    *("".join(random.Random(n).choices("abcdefXYZ-_0189äöß€🛒", k=n % 40 + 1)) for n in range(100)),
]
EXPECTED = {key: partition_of(key.encode(), PARTITIONS) for key in KEYS}


@pytest.fixture
def topic(kafka: KafkaConnection) -> str:
    return kafka.topic_prefix + topics.PURCHASES.name


def partitions_found(kafka: KafkaConnection, topic: str) -> dict[str, int]:
    found = {}
    for message in read_to_end(kafka, topic):
        key, partition = message.key(), message.partition()
        assert isinstance(key, bytes)
        assert partition is not None
        found[key.decode()] = partition
    return found


def test_the_keys_spread_over_all_partitions() -> None:
    assert set(EXPECTED.values()) == set(range(PARTITIONS))


def test_librdkafka_agrees(kafka: KafkaConnection, topic: str) -> None:
    producer = Producer(kafka.for_confluent(partitioner=MURMUR2))
    for key in KEYS:
        producer.produce(topic, b"{}", key)
    producer.flush()
    assert partitions_found(kafka, topic) == EXPECTED


async def test_aiokafka_agrees(kafka: KafkaConnection, topic: str) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for key in KEYS:
            await producer.send(topic, b"{}", key.encode())
    assert partitions_found(kafka, topic) == EXPECTED


def test_the_java_producer_agrees(broker: Broker, kafka: KafkaConnection, topic: str) -> None:
    command = [str(java()), "-Dfile.encoding=UTF-8", "-cp", f"{broker_jars()}/*"]
    command += ["org.apache.kafka.tools.ConsoleProducer", "--bootstrap-server", broker.bootstrap_servers]
    command += ["--topic", topic, "--reader-property", "parse.key=true"]
    lines = "".join(f"{key}\t{{}}\n" for key in KEYS)
    done = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert partitions_found(kafka, topic) == EXPECTED
