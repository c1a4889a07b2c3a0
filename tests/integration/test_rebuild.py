"""`nextup rebuild` against a real broker: the running state is what the log says, and damage is seen and put right."""

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.stack.process import ChildProcess
from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Line, Purchase, Return
from streams.contract.reading import read_to_end
from streams.worker.batch import Record
from streams.worker.rebuild import newest, write
from tests.integration.workers import BOUGHT_AT, Source, environment_of, eventually, lists_by_event, running_worker

HISTORIES = "nextup-histories-changelog"
KNOWN_EVENTS = "nextup-known-events-changelog"
SHORT_HISTORIES = {"NEXTUP_WORKER_HISTORY_LINES": "6"}


@pytest.fixture
def source(kafka: KafkaConnection) -> Source:
    return Source(kafka)


@pytest.fixture
def worker(kafka: KafkaConnection, tmp_path: Path) -> Iterator[ChildProcess]:
    with running_worker(kafka, tmp_path, **SHORT_HISTORIES) as process:
        yield process


def nextup(kafka: KafkaConnection, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy", *arguments]
    environment = environment_of(kafka, **SHORT_HISTORIES, COLUMNS="200", PATH=os.environ["PATH"])
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def publish_every_kind_of_event(source: Source, n_users: int, n_events: int) -> None:
    """Purchases, late ones, repeats, returns of this and that, an erasure; seeded."""
    chance = random.Random(7)
    for number in range(n_events):
        user_id, event_id = f"u{chance.randrange(n_users)}", f"e{number}"
        at = BOUGHT_AT + timedelta(minutes=chance.randrange(10_000))
        lines = [Line(f"i{chance.randrange(9)}", chance.randrange(1, 4)) for _ in range(chance.randrange(1, 4))]
        event: messages.Event = Purchase(event_id, user_id, at, lines)
        if number % 7 == 6:
            event = Return(event_id, user_id, at, lines)
        if number % 97 == 96:
            event = messages.Erasure(event_id, user_id, datetime.now(UTC))
        for _ in range(2 if number % 11 == 10 else 1):
            source.send(messages.user_key(user_id), messages.encode(event))
    source.flush()


def settle(kafka: KafkaConnection, source: Source, n_users: int) -> None:
    """Until the last event of each user has been answered."""
    for user in range(n_users):
        source.buy(f"u{user}", f"last of {user}", "a")
    source.flush()
    eventually(
        lambda: lists_by_event(kafka), lambda found: {f"last of {u}" for u in range(n_users)} <= set(found), "lists"
    )


def standing(kafka: KafkaConnection, changelog: str) -> dict[bytes, bytes]:
    records = newest(read_to_end(kafka, kafka.topic_prefix + changelog))
    return {key: message.value() or b"" for key, message in records.items()}


@pytest.mark.usefixtures("worker")
def test_the_running_state_is_the_one_made_from_the_log(kafka: KafkaConnection, source: Source) -> None:
    publish_every_kind_of_event(source, n_users=30, n_events=1_500)
    settle(kafka, source, n_users=30)
    done = nextup(kafka, "rebuild")
    assert "users: 30 equal, 0 different, 0 missing, 0 extra" in done.stdout, done.stdout + done.stderr
    assert "known events: " in done.stdout
    assert done.returncode == 0


def test_a_damaged_changelog_is_seen_and_put_right_once_the_worker_has_stopped(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path / "first", **SHORT_HISTORIES):
        publish_every_kind_of_event(source, n_users=8, n_events=200)
        settle(kafka, source, n_users=8)
        healthy = standing(kafka, HISTORIES), standing(kafka, KNOWN_EVENTS)
        refused = nextup(kafka, "rebuild", "--write")
        assert refused.returncode == 1
        assert "stop them first" in refused.stderr
    damage(kafka)
    seen = nextup(kafka, "rebuild")
    assert seen.returncode == 1
    assert "users: 6 equal, 1 different, 1 missing, 1 extra" in seen.stdout, seen.stdout + seen.stderr
    for told in ("different: u1", "missing: u2", "extra: nobody", '1 missing, 0 extra\n  missing: ["u3"'):
        assert told in seen.stdout
    eventually(lambda: nextup(kafka, "rebuild", "--write"), lambda done: done.returncode == 0, "the group to be empty")
    assert (standing(kafka, HISTORIES), standing(kafka, KNOWN_EVENTS)) == healthy
    with running_worker(kafka, tmp_path / "second", **SHORT_HISTORIES):
        settle(kafka, source, n_users=8)
        source.buy("u3", "e after", "b")
        source.flush()
        eventually(lambda: lists_by_event(kafka), lambda found: "e after" in found, "the list")
        assert nextup(kafka, "rebuild").returncode == 0


def damage(kafka: KafkaConnection) -> None:
    """One history another's, one gone, one nobody's; one event forgotten."""
    partition_of = {
        message.key(): message.partition() or 0
        for changelog in (HISTORIES, KNOWN_EVENTS)
        for message in read_to_end(kafka, kafka.topic_prefix + changelog)
    }
    histories, known = (kafka.topic_prefix + name for name in (HISTORIES, KNOWN_EVENTS))
    forgotten = messages.log_key("u3", "last of 3")
    changes = [
        (histories, b"u1", b"\x92\x05\x90"),
        (histories, b"u2", None),
        (histories, b"nobody", b"\x92\x05\x90"),
        (known, forgotten, None),
    ]
    write(kafka, [Record(topic, partition_of.get(key, 0), key, value) for topic, key, value in changes])


def test_while_events_wait_there_is_nothing_to_compare(kafka: KafkaConnection, source: Source, tmp_path: Path) -> None:
    with running_worker(kafka, tmp_path, **SHORT_HISTORIES):
        settle(kafka, source, n_users=2)
    source.buy("u0", "waits", "a")
    source.flush()
    done = nextup(kafka, "rebuild")
    assert done.returncode == 1
    assert "has events that the worker is not done with" in done.stderr
