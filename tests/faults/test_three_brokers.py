"""Of three brokers one is killed, then another: with one gone nothing stops, with two gone nothing is lost."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.conftest import PARTITIONS
from tests.faults.cluster import three_brokers
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load

EVENTS_PER_S = 100
LAYOUT = topics.TopicLayout(partitions=PARTITIONS, replication_factor=3)


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[list[Broker]]:
    with three_brokers(tmp_path) as found:
        yield found


@pytest.fixture
def kafka(brokers: list[Broker]) -> KafkaConnection:
    connection = KafkaConnection(bootstrap_servers=",".join(broker.bootstrap_servers for broker in brokers))
    topics.ensure(connection, LAYOUT)
    return connection


def test_a_broker_may_die_and_two_may_be_away_for_a_while(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, brokers: list[Broker], report: Report
) -> None:
    worker = make_worker("worker", NEXTUP_TOPICS_REPLICATION_FACTOR="3")
    with running(worker), steady_load(kafka, Load(20, Mix(users=400)), EVENTS_PER_S) as sent:
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > 300, "a beginning", worker)
        assert topics.check(kafka, LAYOUT) == PARTITIONS
        _kill(brokers[0])
        _await_progress(progress, 800, "going on with two brokers", worker)
        deaths_with_two = worker.deaths
        _kill(brokers[1])
        time.sleep(8)
        worker.watch()
        brokers[1].start()
        _await_progress(progress, 800, "going on after a second was away", worker)
        sent.stop()
        progress.wait_until_done(worker)
        topics.ensure(kafka, LAYOUT, topics.changelogs("nextup"))
    evidence = Evidence(kafka)
    deaths = [deaths_with_two, worker.deaths - deaths_with_two]
    report("brokers killed", deaths=deaths, **evidence.counts(), **evidence.count_losses())
    evidence.check_nothing_lost_or_stale()
    evidence.check()
    assert deaths_with_two == 0


def _kill(broker: Broker) -> None:
    broker.process.send_signal(signal.SIGKILL)
    broker.process.wait(10)


def _await_progress(progress: Progress, n_events: int, what: str, *workers: object) -> None:
    before: list[int] = []

    def is_going_on() -> bool:
        now = progress.records_of(topics.PURCHASE_LOG)
        before[:] = before or [now]
        return now > before[0] + n_events

    progress.wait_until(is_going_on, what, *workers, timeout_s=60)  # type: ignore[arg-type]
