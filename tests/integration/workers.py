"""Real worker processes for the tests, and readers of what they leave on the topics."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Message, Producer

from deploy.stack.process import ChildProcess, wait_until
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Line, Purchase, RecommendationList
from streams.contract.reading import read_to_end
from streams.contract.topics import Topic

BOUGHT_AT = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def environment_of(kafka: KafkaConnection, **more: str) -> dict[str, str]:
    """The settings of a process as environment variables."""
    return {
        "PATH": "/usr/bin:/bin",
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NEXTUP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
        "NEXTUP_WORKER_INSTANCE_ID": "test-worker",
        "NEXTUP_WORKER_HEALTH_ADDRESS": "127.0.0.1:0",
        **more,
    }


@contextmanager
def running_worker(kafka: KafkaConnection, folder: Path, **more: str) -> Iterator[ChildProcess]:
    """A worker with its state in `folder`, under supervision of the test alone."""
    environment = environment_of(kafka, **{"NEXTUP_WORKER_DATADIR": str(folder / "state"), **more})
    command = [sys.executable, "-m", "deploy", "worker"]
    with ChildProcess(command, name="worker", log=folder / "worker.log", environment=environment) as worker:
        yield worker


class Source:
    """Writes raw records to `purchases`, also such as no publisher of ours would send."""

    def __init__(self, kafka: KafkaConnection, **settings: Any) -> None:
        self._topic = kafka.topic_prefix + topics.PURCHASES.name
        ours = {"partitioner": "murmur2_random", "message_max_bytes": 8 << 20, "enable_idempotence": True}
        self._producer = Producer(kafka.for_confluent(**ours | settings))

    def send(self, key: bytes | None, value: bytes | None) -> None:
        self._producer.produce(self._topic, value, key)

    def buy(self, user_id: str, event_id: str, *item_ids: str, at: datetime = BOUGHT_AT) -> None:
        event = Purchase(event_id, user_id, at, [Line(item_id) for item_id in item_ids])
        self.send(messages.user_key(user_id), messages.encode(event))

    def flush(self) -> None:
        assert self._producer.flush(30) == 0


def records(kafka: KafkaConnection, topic: Topic) -> list[Message]:
    """All records of a topic but those that say nothing, which a worker writes when it is given a partition."""
    found = read_to_end(kafka, kafka.topic_prefix + topic.name)
    return [each for each in found if each.key() != messages.NO_USER or each.value() is not None]


def lists(kafka: KafkaConnection) -> list[RecommendationList]:
    """Every list on the topic, in order within each user."""
    values = [message.value() for message in records(kafka, topics.RECOMMENDATIONS)]
    return [messages.recommendation_list.decode(value) for value in values if value is not None]


def lists_by_event(kafka: KafkaConnection) -> dict[str, RecommendationList]:
    return {each.cause.event_id: each for each in lists(kafka)}


def eventually(read: Callable[[], Any], expected: Callable[[Any], bool], what: str, timeout_s: float = 60.0) -> Any:
    """What `read` gives as soon as it is as expected."""
    seen: list[Any] = []

    def as_expected() -> bool:
        seen[:] = [read()]
        time.sleep(0.1)
        return expected(seen[0])

    wait_until(as_expected, timeout_s, what)
    return seen[0]
