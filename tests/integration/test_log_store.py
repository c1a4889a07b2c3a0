"""The copy of the log, brought up to date from a real broker."""

import itertools
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Event
from tests.conftest import PARTITIONS
from tests.integration.trainers import Steps, a_shop, write_log
from tests.unit.test_trainer_history import bought
from trainer import log_store
from trainer.log_store import LogStore
from trainer.progress import Silent


def as_log(*events: Event) -> dict[bytes, bytes]:
    return {messages.log_key(event.user_id, event.event_id): messages.encode(event) for event in events}


def caught_up(kafka: KafkaConnection, folder: Path) -> tuple[dict[bytes, bytes], int]:
    """What the copy then holds, and how many records were read for it."""
    steps = Steps()
    with LogStore(folder) as store:
        store.catch_up(kafka, steps)
        return dict(store.records()), steps.parts


def test_only_what_is_new_is_read_and_removals_reach_the_copy(kafka: KafkaConnection, tmp_path: Path) -> None:
    first, second = a_shop()[:100], a_shop()[100:]
    write_log(kafka, *first)
    assert caught_up(kafka, tmp_path) == (as_log(*first), len(first))
    removed = messages.log_key(first[0].user_id, first[0].event_id)
    write_log(kafka, *second, removed)
    assert caught_up(kafka, tmp_path) == (as_log(*first[1:], *second), len(second) + 1)
    assert caught_up(kafka, tmp_path)[1] == 0


def test_records_lie_user_by_user(kafka: KafkaConnection, tmp_path: Path) -> None:
    write_log(kafka, *a_shop())
    found, _ = caught_up(kafka, tmp_path)
    users = [key.split(b'","')[0] for key in found]
    assert [user for user, _ in itertools.groupby(users)] == sorted(set(users))


class Interrupting(Silent):
    """As if somebody pressed Ctrl-C as soon as something is told."""

    def advanced(self, parts: int) -> None:
        raise KeyboardInterrupt


def test_a_reading_that_was_cut_short_goes_on_where_it_ended(
    kafka: KafkaConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [bought(str(number), number / 100, "a") for number in range(1_500)]
    write_log(kafka, *events)
    monkeypatch.setattr(log_store, "RECORDS_AT_A_TIME", 100)
    with LogStore(tmp_path) as store, pytest.raises(KeyboardInterrupt):
        store.catch_up(kafka, Interrupting())
    assert caught_up(kafka, tmp_path) == (as_log(*events), 500)


def test_a_topic_of_the_same_name_is_read_from_its_beginning(kafka: KafkaConnection, tmp_path: Path) -> None:
    events = a_shop()
    write_log(kafka, *events[:50])
    caught_up(kafka, tmp_path)
    name = kafka.topic_prefix + topics.PURCHASE_LOG.name
    admin = AdminClient(kafka.for_confluent())
    admin.delete_topics([name], operation_timeout=10)[name].result()
    topics.ensure(kafka, topics.TopicLayout(partitions=PARTITIONS))
    write_log(kafka, *events[50:])
    assert caught_up(kafka, tmp_path) == (as_log(*events[50:]), len(events) - 50)
