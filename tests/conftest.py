"""The real parts that integration tests run against, one of each for the whole run."""

import os
import re
import signal
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import AdminClient

from deploy.stack.broker import Broker
from deploy.stack.triton import TritonServer
from streams.contract import topics
from streams.contract.connection import KafkaConnection

PARTITIONS = 4

# The tests share the cores among themselves, so each of their processes computes with one thread.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(variable, "1")

# What a shell runs in the background ignores SIGINT, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """A real broker with no topics."""
    with Broker(tmp_path_factory.mktemp("broker")) as running:
        yield running


@pytest.fixture
def bare_kafka(broker: Broker, request: pytest.FixtureRequest) -> Iterator[KafkaConnection]:
    """A connection whose topic prefix no other test uses; no topics yet, and none left afterwards."""
    name = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name)[:60]
    prefix = f"{name}-{uuid.uuid4().hex[:8]}."
    connection = KafkaConnection(bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix)
    yield connection
    _delete_topics(connection)


@pytest.fixture
def kafka(bare_kafka: KafkaConnection) -> KafkaConnection:
    """A connection under whose prefix all topics exist, with PARTITIONS partitions, and are empty."""
    topics.ensure(bare_kafka, topics.TopicLayout(partitions=PARTITIONS))
    return bare_kafka


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A real Triton server; its model repository, `triton.model_repository`, is empty at the start."""
    folder = tmp_path_factory.mktemp("triton")
    with TritonServer(folder / "models", folder) as running:
        yield running


def _delete_topics(connection: KafkaConnection) -> None:
    """A broker that dies in a test has no topics to delete; so wait for none of the answers."""
    admin = AdminClient(connection.for_confluent())
    names = admin.list_topics(timeout=10).topics
    ours = [name for name in names if name.startswith(connection.topic_prefix)]
    if ours:
        for done in admin.delete_topics(ours).values():
            done.result()
