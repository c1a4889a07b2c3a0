"""What an erasure leaves on a real broker, in the topics and in the files below them: nothing of the user."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from deploy.stack.broker import Broker
from deploy.stack.process import ChildProcess
from streams.clients.latest import LatestLists
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import NO_USER, Cause, Line, Return
from streams.contract.reading import read_to_end
from streams.contract.topics import TopicLayout
from streams.worker.rebuild import newest
from tests.integration.workers import (
    BOUGHT_AT,
    Source,
    environment_of,
    eventually,
    lists_by_event,
    records,
    running_worker,
)
from trainer import purchase_history
from trainer.progress import Silent

COMPACTED = (
    "purchase-log",
    "recommendations",
    "recommendation-outcomes",
    "nextup-histories-changelog",
    "nextup-known-events-changelog",
)
CLEANED_SOON = {
    "segment.ms": "1000",
    "min.cleanable.dirty.ratio": "0.01",
    "delete.retention.ms": "1000",
    "max.compaction.lag.ms": "2000",
    "file.delete.delay.ms": "500",
}
ERASED = "the user to be forgotten"
OTHERS = [f"user who stays {number}" for number in range(5)]
KEPT_FOR_A_TIME = ("purchases", "dead-letters")


@pytest.fixture(scope="module")
def cleaning_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    """Looks for something to compact several times a second."""
    with Broker(tmp_path_factory.mktemp("cleaning-broker"), settings={"log.cleaner.backoff.ms": "200"}) as running:
        yield running


@pytest.fixture
def kafka(cleaning_broker: Broker, request: pytest.FixtureRequest) -> KafkaConnection:
    connection = KafkaConnection(cleaning_broker.bootstrap_servers, topic_prefix=f"{request.node.name}.")
    topics.ensure(connection, TopicLayout(partitions=2))
    return connection


@pytest.fixture
def worker(kafka: KafkaConnection, tmp_path: Path) -> Iterator[ChildProcess]:
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_ROLLING_WRITE_S="1") as process:
        yield process


@pytest.fixture
def source(kafka: KafkaConnection) -> Source:
    return Source(kafka)


def erase(kafka: KafkaConnection, user_id: str, *more: str) -> subprocess.CompletedProcess[str]:
    environment = environment_of(kafka, COLUMNS="200", PATH=os.environ["PATH"])
    command = [sys.executable, "-m", "deploy", "erase", user_id, *more]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)


def await_list(kafka: KafkaConnection, event_id: str) -> messages.RecommendationList:
    found = eventually(lambda: lists_by_event(kafka), lambda found: event_id in found, f"the list of {event_id}")
    return found[event_id]  # type: ignore[no-any-return]


def publish(kafka: KafkaConnection, source: Source) -> None:
    """Five purchases and a return of each user; the list of the last one has come."""
    for user in (ERASED, *OTHERS):
        for number in range(5):
            source.buy(user, f"order {number} of {user}", f"item {number}", "item 0")
        back = Return(f"return of {user}", user, BOUGHT_AT, [Line("item 0")])
        source.send(messages.user_key(user), messages.encode(back))
    source.flush()
    for user in (ERASED, *OTHERS):
        await_list(kafka, f"return of {user}")


def clean_soon(kafka: KafkaConnection) -> None:
    entries = [
        ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in CLEANED_SOON.items()
    ]
    resources = [
        ConfigResource(ResourceType.TOPIC, kafka.topic_prefix + name, incremental_configs=entries) for name in COMPACTED
    ]
    admin = AdminClient(kafka.for_confluent())
    for done in admin.incremental_alter_configs(resources).values():
        done.result()


def settings_of(kafka: KafkaConnection, name: str) -> dict[str, str]:
    admin = AdminClient(kafka.for_confluent())
    resource = ConfigResource(ResourceType.TOPIC, kafka.topic_prefix + name)
    return {entry.name: entry.value for entry in admin.describe_configs([resource])[resource].result().values()}


def on_topics(kafka: KafkaConnection, needle: bytes) -> list[str]:
    """The compacted topics on which some record holds `needle`."""
    return [
        name
        for name in COMPACTED
        for message in read_to_end(kafka, kafka.topic_prefix + name)
        if needle in (message.key() or b"") + b"\0" + (message.value() or b"")
    ]


def in_files(broker: Broker, kafka: KafkaConnection, needle: bytes) -> list[str]:
    """The files of the compacted topics that hold `needle`."""
    folders = [
        folder for name in COMPACTED for folder in (broker.folder / "data").glob(f"{kafka.topic_prefix}{name}-*")
    ]
    assert len(folders) == 2 * len(COMPACTED)
    return [f"{file.parent.name}/{file.name}" for folder in folders for file in files(folder) if holds(file, needle)]


def files(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if file.is_file()]


def holds(file: Path, needle: bytes) -> bool:
    try:
        return needle in file.read_bytes()
    except FileNotFoundError:  # cleaned away meanwhile
        return False


def of_others(kafka: KafkaConnection) -> dict[tuple[str, bytes], bytes | None]:
    """What stands under each key that is not the erased user's."""
    return {
        (name, key): message.value()
        for name in COMPACTED
        for key, message in newest(read_to_end(kafka, kafka.topic_prefix + name)).items()
        if ERASED.encode() not in key
    }


@pytest.mark.usefixtures("worker")
def test_nothing_of_an_erased_user_is_left_where_only_the_newest_is_kept(
    kafka: KafkaConnection, source: Source, cleaning_broker: Broker
) -> None:
    publish(kafka, source)
    needle = ERASED.encode()
    assert set(on_topics(kafka, needle)) == set(COMPACTED)
    assert in_files(cleaning_broker, kafka, needle)
    others = of_others(kafka)
    for name in COMPACTED:
        wanted = topics.OUTCOMES.config if name == topics.OUTCOMES.name else topics.RECOMMENDATIONS.config
        assert settings_of(kafka, name).items() >= wanted.items(), name
    clean_soon(kafka)
    done = erase(kafka, ERASED)
    assert done.returncode == 0, done.stderr
    assert "6 log records, 1 histories, 1 lists" in done.stdout
    assert all(f"{name} {days} days" in done.stdout for name, days in zip(KEPT_FOR_A_TIME, (14, 30), strict=True))
    # Each event id of this user holds the user's id, too.
    eventually(lambda: on_topics(kafka, needle), lambda found: found == [], "the topics to be clean", 90)
    eventually(lambda: in_files(cleaning_broker, kafka, needle), lambda found: found == [], "clean files", 90)
    assert of_others(kafka) == others
    assert LatestLists(kafka).of(ERASED) is None
    standing = LatestLists(kafka).of(OTHERS[0])
    assert standing is not None
    assert standing.cause == Cause("return", f"return of {OTHERS[0]}")


@pytest.mark.usefixtures("worker")
def test_what_comes_after_an_erasure_starts_anew_also_under_an_old_event_id(
    kafka: KafkaConnection, source: Source
) -> None:
    publish(kafka, source)
    assert erase(kafka, ERASED).returncode == 0
    source.buy(ERASED, f"order 1 of {ERASED}", "another item")
    source.flush()
    eventually(
        lambda: lists_by_event(kafka)[f"order 1 of {ERASED}"].items,
        lambda items: {product for item in items for product in item.because} == {"another item"},
        "a list that knows the new order alone",
    )
    log = newest(records(kafka, topics.PURCHASE_LOG))
    assert [key for key in log if ERASED.encode() in key] == [messages.log_key(ERASED, f"order 1 of {ERASED}")]
    again = erase(kafka, ERASED)
    assert "1 log records, 1 histories, 1 lists" in again.stdout


@pytest.mark.usefixtures("worker")
def test_erasing_twice_or_whoever_is_not_known_is_harmless(kafka: KafkaConnection, source: Source) -> None:
    publish(kafka, source)
    others = of_others(kafka)
    assert "6 log records" in erase(kafka, ERASED).stdout
    for user in (ERASED, "nobody"):
        again = erase(kafka, user)
        assert again.returncode == 0
        assert "0 log records, 0 histories, 0 lists" in again.stdout
    assert of_others(kafka) == others


def test_a_worker_restores_its_state_past_erasures_and_rolling_writes(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path / "first", NEXTUP_WORKER_ROLLING_WRITE_S="0.5"):
        publish(kafka, source)
        erase(kafka, ERASED)
        keys = {m.key() for name in COMPACTED for m in read_to_end(kafka, kafka.topic_prefix + name)}
        assert NO_USER in keys
    with running_worker(kafka, tmp_path / "second", NEXTUP_WORKER_ROLLING_WRITE_S="0.5"):
        source.buy(OTHERS[0], "one more", "item 4")
        source.flush()
        assert await_list(kafka, "one more").items[0].because


def test_every_reader_passes_over_erasures_and_rolling_writes(
    kafka: KafkaConnection, source: Source, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_ROLLING_WRITE_S="0.5"):
        publish(kafka, source)
        erase(kafka, ERASED)
        time.sleep(1)
    for topic in (topics.PURCHASE_LOG, topics.RECOMMENDATIONS):
        assert any(message.key() == NO_USER for message in read_to_end(kafka, kafka.topic_prefix + topic.name))
    learnt = purchase_history.read(kafka, Silent())
    assert (learnt.n_events, learnt.n_unreadable) == (6 * len(OTHERS), 0)
    with RecommendationSubscriber(kafka, start="beginning") as subscriber:
        received = [subscriber.receive(5) for _ in range(6 * (1 + len(OTHERS)))]
        assert None not in received
        assert subscriber.latest(ERASED) is None
    assert "skipped" not in caplog.text


def test_without_a_worker_an_erasure_says_that_nobody_answered(kafka: KafkaConnection) -> None:
    done = erase(kafka, ERASED, "--timeout", "1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: no worker answered within 1 s; the erasure erasure-")
