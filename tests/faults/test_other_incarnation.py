"""`purchases` is deleted and made again, with a part of what it held: nothing counts twice, and nothing new is lost."""

import time

import pytest
from confluent_kafka.admin import AdminClient

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.histories import history
from streams.histories.history import History
from tests.conftest import PARTITIONS
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, Worker, running
from tests.faults.freezing import rebuild
from tests.integration.workers import Source, eventually, lists_by_event
from tests.small_model import ITEM_IDS

USERS = [f"u{number}" for number in range(20)]
OLD = [f"old-{user}-{number}" for user in USERS for number in range(3)]
NEW = [f"new-{user}-{number}" for user in USERS for number in range(2)]


@pytest.mark.parametrize("while_running", [False, True], ids=["no worker runs", "a worker runs"])
def test_a_topic_that_is_made_anew_continues_by_event_ids(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report, *, while_running: bool
) -> None:
    worker = make_worker("worker")
    with running(worker):
        _publish(kafka, OLD)
        progress.wait_until_done(worker)
        if not while_running:
            worker.stop()
        _make_anew(kafka)
        if while_running:
            progress.wait_until(lambda: worker.deaths > 0, "an end with a sentence", worker, timeout_s=60)
        _publish(kafka, [*OLD[::2], *NEW])
        if not while_running:
            worker.start()
        eventually(lambda: set(lists_by_event(kafka)), lambda found: found >= set(NEW), "lists for what is new")
        progress.wait_until_done(worker)
    histories = _histories(kafka)
    report("purchases made anew", while_running=while_running, deaths=worker.deaths, histories=len(histories))
    for user in USERS:
        ids = [order.event_id for order in histories[user].orders]
        assert sorted(ids) == sorted(each for each in (*OLD, *NEW) if f"-{user}-" in each)
    _check_what_is_told(worker, while_running=while_running)
    verdict = rebuild(worker)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def _check_what_is_told(worker: Worker, *, while_running: bool) -> None:
    told = worker.process.log.read_text()
    assert "is another topic than the state was made of" in told
    if while_running:
        assert "made anew" in told.split("the worker ends, because")[-1] or "went back from" in told


def _publish(kafka: KafkaConnection, event_ids: list[str]) -> None:
    source = Source(kafka)
    for event_id in event_ids:
        source.buy(event_id.split("-")[1], event_id, ITEM_IDS[len(event_id) % 5])
    source.flush()


def _make_anew(kafka: KafkaConnection) -> None:
    name = kafka.topic_prefix + topics.PURCHASES.name
    admin = AdminClient(kafka.for_confluent())
    admin.delete_topics([name])[name].result()
    eventually(lambda: name in admin.list_topics(timeout=10).topics, lambda there: not there, "the topic is gone")
    time.sleep(1)
    topics.ensure(kafka, topics.TopicLayout(partitions=PARTITIONS))


def _histories(kafka: KafkaConnection) -> dict[str, History]:
    newest = {message.key(): message.value() for message in Evidence(kafka).changes}
    return {key.decode(): history.decode(value) for key, value in newest.items() if key and value}
