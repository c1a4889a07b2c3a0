"""A worker that is told to stop is gone in time, whatever its broker does, and nothing is lost by it."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from deploy.stack.process import ChildProcess
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.integration.test_worker_health import wait_until_ready
from tests.integration.workers import Source, eventually, lists_by_event, running_worker

STOP_WITHIN_S = 2
SLOW_MACHINE_S = 4
"""How much longer the end may take where the cores are shared."""
PURCHASES = 2_000
QUIET_LINES = 2
"""So few lines the Kafka library may write while its broker is away for a few seconds."""
SETTINGS = {"NEXTUP_WORKER_STOP_WITHIN_S": str(STOP_WITHIN_S)}


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    with Broker(tmp_path / "broker") as broker:
        yield broker
        broker.process.send_signal(signal.SIGCONT)


@pytest.fixture
def own_kafka(own_broker: Broker) -> KafkaConnection:
    connection = KafkaConnection(bootstrap_servers=own_broker.bootstrap_servers)
    topics.ensure(connection, topics.TopicLayout(partitions=1))
    return connection


def tell_to_stop(worker: ChildProcess, number: signal.Signals) -> float:
    """The seconds that it took; it has ended as it was told to."""
    began = time.monotonic()
    worker.send_signal(number)
    assert worker.wait(STOP_WITHIN_S + SLOW_MACHINE_S) == 0
    return time.monotonic() - began


@pytest.mark.parametrize(("blow", "number"), [(signal.SIGKILL, signal.SIGTERM), (signal.SIGSTOP, signal.SIGINT)])
def test_a_worker_whose_broker_is_gone_ends_in_time_and_the_next_one_loses_nothing(
    blow: signal.Signals, number: signal.Signals, own_broker: Broker, own_kafka: KafkaConnection, tmp_path: Path
) -> None:
    source = Source(own_kafka)
    with running_worker(own_kafka, tmp_path, **SETTINGS) as worker:
        wait_until_ready(worker)
        for purchase in range(PURCHASES):
            source.buy(f"u{purchase}", f"e{purchase}", "a", "b")
        source.flush()
        own_broker.process.send_signal(blow)
        assert tell_to_stop(worker, number) > STOP_WITHIN_S
        assert "the worker ends in the middle of its stop, which took 2 s" in worker.last_lines(1)[0]
        assert worker.log.read_text().count("rdkafka#") <= QUIET_LINES
    if blow == signal.SIGKILL:
        own_broker.start()
    own_broker.process.send_signal(signal.SIGCONT)
    with running_worker(own_kafka, tmp_path):
        eventually(lambda: lists_by_event(own_kafka), lambda found: len(found) == PURCHASES, "a list for each purchase")


@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGSTOP])
def test_a_worker_that_loses_its_broker_while_it_starts_ends_with_the_reason_or_as_it_is_told(
    blow: signal.Signals, own_broker: Broker, own_kafka: KafkaConnection, tmp_path: Path
) -> None:
    with running_worker(own_kafka, tmp_path, **SETTINGS) as worker:
        eventually(worker.log.read_text, lambda said: "AgentManager]: Starting" in said, "the start of the agents")
        own_broker.process.send_signal(blow)
        if blow == signal.SIGSTOP:
            tell_to_stop(worker, signal.SIGTERM)
        else:
            assert worker.wait(60) == 1
            assert "the worker has stopped, because it could not go on: " in worker.last_lines(1)[0]
