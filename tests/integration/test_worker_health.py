"""What a worker says of itself over HTTP, how it ends when it is stuck, and what it does about its folder."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from confluent_kafka import Producer
from prometheus_client.parser import text_string_to_metric_families

from deploy.stack.ports import accepts_connections, free_ports
from deploy.stack.process import ChildProcess
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList
from tests.integration.workers import (
    BOUGHT_AT,
    Source,
    environment_of,
    eventually,
    lists_by_event,
    records,
    running_worker,
)

FAUSTS_OWN_PORT = 6066
STALLED_AFTER_S = 6


@pytest.fixture
def source(kafka: KafkaConnection) -> Source:
    return Source(kafka)


def answer(worker: ChildProcess, path: str) -> tuple[int, str]:
    """Status and text; (0, "") while nothing listens yet."""
    told = re.search(r"health and metrics: (http://[^/]+)/", worker.log.read_text() if worker.log.exists() else "")
    if told is None:
        return 0, ""
    try:
        with urlopen(told[1] + path, timeout=5) as response:  # noqa: S310 - the worker's own address
            return response.status, response.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def wait_until_ready(worker: ChildProcess) -> set[tuple[int, str]]:
    """Every different answer of /ready on the way."""
    seen: set[tuple[int, str]] = set()

    def ask() -> tuple[int, str]:
        now = answer(worker, "/ready")
        seen.add(now)
        return now

    eventually(ask, lambda now: now == (200, "ok\n"), "readiness")
    return seen


def metric(worker: ChildProcess, name: str, **labels: str) -> float:
    _, page = answer(worker, "/metrics")
    samples = (sample for family in text_string_to_metric_families(page) for sample in family.samples)
    return next((s.value for s in samples if (s.name, s.labels) == (f"nextup_{name}", labels)), 0.0)


def one_list(kafka: KafkaConnection, event_id: str) -> RecommendationList:
    by_event = eventually(lambda: lists_by_event(kafka), lambda found: event_id in found, f"the list of {event_id}")
    made: RecommendationList = by_event[event_id]
    return made


def test_a_worker_is_live_from_the_start_and_ready_once_it_has_partitions_and_state(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path) as worker:
        before = wait_until_ready(worker) - {(200, "ok\n"), (0, "")}
        assert {status for status, _ in before} == {503}
        assert {text.strip() for _, text in before} >= {"no partitions are assigned to this worker"}
        assert answer(worker, "/live") == (200, "ok\n")
        assert answer(worker, "/nothing")[0] == 404
        assert not accepts_connections(FAUSTS_OWN_PORT)
        source.buy("u", "e1", "a")
        source.buy("u", "e1", "a")
        source.buy("u", "e2", "a", at=BOUGHT_AT + timedelta(days=1))
        source.send(b"u", b"nonsense")
        source.flush()
        eventually(lambda: metric(worker, "worker_events_done"), lambda done: done == 4, "four events done")
        assert metric(worker, "events_total", kind="purchase", effect="applied") == 2
        assert metric(worker, "events_total", kind="purchase", effect="repeated") == 1
        assert metric(worker, "lists_total", source="fallback", version="none") == 2
        assert metric(worker, "dead_letters_total", reason="malformed") == 1
        assert metric(worker, "judged_purchases_total", source="fallback", version="none") == 1
        assert metric(worker, "judged_reciprocal_ranks_total", source="fallback", version="none") == 1
        assert metric(worker, "stage_seconds_count", stage="deliver") == metric(worker, "batch_events_count")
        assert metric(worker, "worker_ready") == 1
        assert metric(worker, "worker_partitions") == 4


def test_a_worker_whose_address_is_taken_says_so_at_the_start(kafka: KafkaConnection, tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    with running_worker(kafka, tmp_path / "first", NEXTUP_WORKER_HEALTH_ADDRESS=address) as first:
        eventually(lambda: answer(first, "/live")[0], lambda status: status == 200, "the first worker's answer")
        with running_worker(kafka, tmp_path / "second", NEXTUP_WORKER_HEALTH_ADDRESS=address) as second:
            assert second.wait(60) == 1
    said = second.last_lines(1)[0]
    assert said.startswith(f"error: worker.health_address {address} cannot be listened on: Address already in use")


@pytest.mark.parametrize(
    ("way", "words"),
    [
        ("blocked", "the event loop has not turned for"),
        ("waiting", "there is work, and nothing has moved for"),
    ],
)
def test_a_stuck_worker_ends_with_the_reason_and_another_goes_on(
    way: str, words: str, kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    environment = environment_of(
        kafka,
        NEXTUP_WORKER_DATADIR=str(tmp_path / "state"),
        NEXTUP_WORKER_STALLED_AFTER_S=str(STALLED_AFTER_S),
        STUCK=way,
    )
    command = [sys.executable, "-m", "tests.integration.stuck_worker", "worker"]
    with ChildProcess(command, log=tmp_path / "stuck.log", environment=environment) as stuck:
        wait_until_ready(stuck)
        time.sleep(2 * STALLED_AFTER_S)
        assert stuck.is_running, "idle is not stuck"
        began = time.monotonic()
        source.buy("u", "e1", "a")
        source.flush()
        assert stuck.wait(60) == 70
        took_s = time.monotonic() - began
    assert STALLED_AFTER_S - 1 < took_s < 3 * STALLED_AFTER_S
    assert f"the worker ends, because it is stuck: {words}" in stuck.last_lines(1)[0]
    with running_worker(kafka, tmp_path):
        assert one_list(kafka, "e1").items[0].item_id == "a"


def test_a_blocked_worker_is_not_live_and_answers_all_the_same(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    environment = environment_of(kafka, NEXTUP_WORKER_DATADIR=str(tmp_path / "state"), STUCK="blocked")
    command = [sys.executable, "-m", "tests.integration.stuck_worker", "worker"]
    with ChildProcess(command, log=tmp_path / "stuck.log", environment=environment) as stuck:
        wait_until_ready(stuck)
        source.buy("u", "e1", "a")
        source.flush()
        status, text = eventually(
            lambda: answer(stuck, "/live"), lambda now: now[0] == 503, "an answer that it is dead"
        )
        assert (status, text) == (503, "the event loop has not turned for 10 s\n")
        assert answer(stuck, "/ready") == (503, "the event loop has not turned for 10 s\n")
        stuck.stop(grace_s=0.1)


def test_a_marker_of_a_transaction_is_no_work(kafka: KafkaConnection, tmp_path: Path) -> None:
    """It takes an offset that nobody ever acknowledges, and an idle worker must not end for it."""
    producer = Producer(kafka.for_confluent(transactional_id=f"{kafka.topic_prefix}shop"))
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(kafka.topic_prefix + topics.PURCHASES.name, b"nonsense", b"u")
    producer.commit_transaction(30)
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_STALLED_AFTER_S=str(STALLED_AFTER_S)) as worker:
        eventually(lambda: metric(worker, "worker_events_done"), lambda done: done == 1, "the record before the marker")
        time.sleep(1.5 * STALLED_AFTER_S)
        assert metric(worker, "worker_lag_records") == 1
        assert worker.is_running


@pytest.mark.parametrize("damage", ["the folder is deleted", "files are truncated", "files are garbled"])
def test_a_worker_has_the_whole_history_again_whatever_became_of_its_folder(
    damage: str, kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path):
        source.buy("u", "e1", "a", "b")
        source.flush()
        one_list(kafka, "e1")
    tables = [path for path in (tmp_path / "state").rglob("*.db") if path.is_dir()]
    assert len(tables) == 16, "four tables of four partitions"
    if damage == "the folder is deleted":
        shutil.rmtree(tmp_path / "state")
    for database in tables if "files" in damage else []:
        for file in database.glob("MANIFEST-*"):
            os.truncate(file, 10) if "truncated" in damage else file.write_bytes(os.urandom(500))
    with running_worker(kafka, tmp_path) as worker:
        source.buy("u", "e2", "b", at=BOUGHT_AT + timedelta(days=1))
        source.buy("u", "e1", "z")
        source.flush()
        made = one_list(kafka, "e2")
    assert [item.item_id for item in made.items] == ["b", "a"]
    assert made.left == []
    assert lists_by_event(kafka)["e1"].items[0].item_id == "a", "a repeat is still known"
    told = [line for line in worker.log.read_text().splitlines() if "is damaged and will be restored" in line]
    assert len(told) == (16 if "files" in damage else 0)


def test_damage_that_a_read_meets_ends_the_worker_and_no_event_and_the_next_one_heals_it(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path):
        source.buy("u", "e1", "a", "b")
        source.flush()
        one_list(kafka, "e1")
    for table in (tmp_path / "state").rglob("histories-*.db/*.sst"):
        table.write_bytes(os.urandom(16) + table.read_bytes()[16:])
    source.buy("u", "e2", "b", at=BOUGHT_AT + timedelta(days=1))
    source.flush()
    with running_worker(kafka, tmp_path) as worker:
        assert worker.wait(60) == 1
    assert re.search(r"because it could not go on: .*Corruption: .*/histories-\d.db", worker.last_lines(1)[0])
    with running_worker(kafka, tmp_path):
        assert [item.item_id for item in one_list(kafka, "e2").items] == ["b", "a"]
    assert "is damaged and will be restored" in worker.log.read_text()
    assert records(kafka, topics.DEAD_LETTERS) == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], capture_output=True, check=False
    )
    if not mounted or mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_ends_the_worker_with_a_clear_message_and_a_new_one_goes_on_once_there_is_room(
    kafka: KafkaConnection, source: Source, tmp_path: Path, tiny_disk: Path
) -> None:
    state = {"NEXTUP_WORKER_DATADIR": str(tiny_disk / "state")}
    rest = tiny_disk / "the rest"
    with running_worker(kafka, tmp_path, **state) as worker:
        source.buy("u", "first", "a")
        source.flush()
        one_list(kafka, "first")
        _fill(rest)
        for number in range(2_000):
            source.buy(f"u{number}", f"e{number}", *(f"item {number} {line}" for line in range(10)))
        source.flush()
        assert worker.wait(60) != 0
    assert "the worker has stopped, because it could not go on" in "\n".join(worker.last_lines(3))
    assert re.search(r"the state in .* cannot be written: .*No space left on device", worker.log.read_text())
    with running_worker(kafka, tmp_path, **state) as again:
        assert again.wait(60) == 1
    assert re.match(r"error: worker.datadir .* is on a disk with 0.0 MiB free", again.last_lines(1)[0])
    rest.unlink()
    with running_worker(kafka, tmp_path, **state):
        eventually(lambda: lists_by_event(kafka), lambda found: len(found) == 2_001, "a list for every purchase")


def _fill(file: Path) -> None:
    """Take all the room that is left."""
    with file.open("wb", buffering=0) as rest:
        for size in (1 << 20, 1 << 12):
            _write_while_there_is_room(rest.fileno(), size)


def _write_while_there_is_room(file: int, size: int) -> None:
    try:
        while os.write(file, b"\0" * size):
            pass
    except OSError:
        return
