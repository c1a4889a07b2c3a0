"""The processes that are measured, each in a fresh process, on topics and state of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.settings import Settings
from deploy.stack.locations import app_python
from deploy.stack.process import ChildProcess
from serving.model_repository import ModelRepository
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from trainer.announcement import announce


class Candidate(NamedTuple):
    """A process that turns purchases into lists: its name, and Python's arguments that start it."""

    name: str
    arguments: tuple[str, ...]


WORKER = Candidate("nextup worker", ("-m", "deploy", "worker"))
BY_HAND = Candidate("by hand", ("-m", "deploy.bench.by_hand"))
CANDIDATES = (WORKER, BY_HAND)


def fresh_topics(settings: Settings, prefix: str) -> KafkaConnection:
    """Empty topics under a prefix of their own, on which the newest model version is announced."""
    connection = KafkaConnection(bootstrap_servers=settings.kafka.bootstrap_servers, topic_prefix=prefix)
    topics.ensure(connection, settings.topics, (*topics.TOPICS, *topics.changelogs(settings.worker.group)))
    repository = ModelRepository(settings.models.repository)
    name = settings.models.name
    announce(connection, repository.read(name, repository.versions(name)[-1]).metadata, "benchmark")
    return connection


@contextmanager
def running(
    candidate: Candidate, settings: Settings, connection: KafkaConnection, folder: Path, **more: str
) -> Iterator[ChildProcess]:
    """The candidate at work on `connection`, with its state and log in `folder`; `more` are settings as variables."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEXTUP_")} | {
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": connection.bootstrap_servers,
        "NEXTUP_KAFKA_TOPIC_PREFIX": connection.topic_prefix,
        "NEXTUP_TRITON_URL": settings.triton.url,
        "NEXTUP_TRITON_DEADLINE_MS": "5000",
        "NEXTUP_MODELS_REPOSITORY": settings.models.repository,
        "NEXTUP_MODELS_NAME": settings.models.name,
        "NEXTUP_WORKER_DATADIR": str(folder / "state"),
        "NEXTUP_WORKER_LOG_LEVEL": "WARNING",
        "NEXTUP_WORKER_HEALTH_ADDRESS": "127.0.0.1:0",
        **more,
    }
    command = [str(app_python()), *candidate.arguments]
    with ChildProcess(command, name=candidate.name, log=folder / "process.log", environment=environment) as process:
        yield process
