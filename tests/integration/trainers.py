"""A trainer with all that it needs, logs for it to read, and versions that are made without training."""

from typing import Any

import msgspec
from confluent_kafka import Producer

from serving.model_repository import ModelRepository
from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Event, ModelVersion
from tests import small_model
from tests.unit.test_trainer_history import bought
from trainer.nightly.run import Outcome, Systems, run
from trainer.nightly.settings import NightlySettings
from trainer.progress import Progress, Silent
from trainer.release import Release
from trainer.settings import TrainerSettings

SETTINGS = TrainerSettings(epochs=1, most_epochs=1, min_events=10, tuned="")


class Steps(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.parts = 0
        self.totals = 0

    def started(self, step: str, total: int | None) -> None:
        self.names.append(step)
        self.totals += total or 0

    def advanced(self, parts: int) -> None:
        self.parts += parts


class Trainer:
    """Learns from the log that a test has written, with all that it needs but the purchases."""

    def __init__(self, systems: Systems, learning: TrainerSettings) -> None:
        self.systems, self.learning = systems, learning

    def run(self, progress: Progress, **rule: Any) -> Outcome:
        return run(self.systems, self.learning, NightlySettings(**rule), progress)

    def release(self, progress: Progress) -> ModelVersion:
        """Whatever is learnt."""
        version = self.run(progress, rule="always").version
        assert version is not None
        return version


def write_log(kafka: KafkaConnection, *events: Event | bytes) -> None:
    """Log records of events, and tombstones of keys."""
    producer = Producer(kafka.for_confluent(partitioner="murmur2_random"))
    for event in events:
        key, value = (
            (event, None)
            if isinstance(event, bytes)
            else (messages.log_key(event.user_id, event.event_id), messages.encode(event))
        )
        producer.produce(f"{kafka.topic_prefix}purchase-log", key=key, value=value)
    assert producer.flush(10) == 0


def a_shop() -> list[Event]:
    return [
        bought(f"{user}-{n}", n * 5 + user / 50, f"item {user % 9}", f"item {n}", user=f"user {user}")
        for user in range(30)
        for n in range(5)
    ]


def candidate(repository: ModelRepository, name: str, shift: int, **changes: object) -> Release:
    """A version made without training; it is published under another model's name to be built."""
    golden = small_model.publish(repository, 1, shift=shift, name=f"{name}-source-{shift}")
    made = repository.read(f"{name}-source-{shift}", 1)
    metadata = msgspec.structs.replace(made.metadata, name=name, version=0, **changes)
    return Release(metadata, made.vocabulary, small_model.onnx_bytes(made.vocabulary.n_items, shift), golden)
