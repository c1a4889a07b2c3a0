"""The broker is frozen, then restarted, while a shop publishes and a worker works."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from streams.clients.delivery import Delivery
from streams.clients.publisher import PurchasePublisher
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.faults.load import Load
from tests.integration.workers import records

PER_S = 200
FROZEN_S = 10.0
MOST_RSS_MIB = 600


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that may be damaged."""
    with Broker(tmp_path / "broker") as running_broker:
        yield running_broker


class Shop:
    """Publishes from a thread and keeps every delivery."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self.deliveries: list[Delivery] = []
        self._publisher = PurchasePublisher(kafka, delivery_timeout_s=90, queue_timeout_s=90)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="shop", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._publisher.close(90)

    def _publish(self) -> None:
        for event in Load(4).events(1_000_000):
            if self._stopping.wait(1 / PER_S):
                return
            self.deliveries.append(self._publisher.publish(event))


def test_no_acknowledged_purchase_is_missing_after_the_broker_was_frozen_and_restarted(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, broker: Broker, report: Report
) -> None:
    worker = make_worker("worker")
    with running(worker):
        shop = Shop(kafka)
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > 500, "a beginning", worker)
        before = progress.records_of(topics.PURCHASE_LOG)
        broker.process.send_signal(signal.SIGSTOP)
        _watch(worker.watch, FROZEN_S)
        broker.process.send_signal(signal.SIGCONT)
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > before + 1_500, "going on", worker)
        deaths_when_frozen = worker.deaths
        broker.stop()
        _watch(worker.watch, 2)
        broker.start()
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > before + 3_000, "going on", worker)
        shop.close()
        progress.wait_until_done(worker)
    receipts = {(each.result().partition, each.result().offset): each.record_id for each in shop.deliveries}
    evidence = Evidence(kafka)
    told = {
        "deaths": [deaths_when_frozen, worker.deaths - deaths_when_frozen],
        "acknowledged": len(receipts),
        "max_rss_mib": worker.max_rss_mib,
    }
    report("broker frozen 10 s, then restarted", **told, **evidence.counts())
    evidence.check()
    published = {
        (message.partition(), message.offset()): messages.event_from_json(message.value() or b"").event_id
        for message in records(kafka, topics.PURCHASES)
    }
    assert receipts.items() <= published.items()
    assert len(published) == len(shop.deliveries)
    assert worker.max_rss_mib < MOST_RSS_MIB


def _watch(look: object, seconds: float) -> None:
    assert callable(look)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        look()
        time.sleep(0.2)
