"""Triton is killed, frozen, slow, or answers nonsense: the lists go on, and the model comes back by itself."""

import math
import signal
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.stack.triton import TritonServer
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from tests.faults import models
from tests.faults.conftest import Report, announce_version, load, settings_for
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, Worker, running
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load
from tests.integration.workers import eventually, lists, records

PER_S = 100
DEADLINE_MS = 200
DAMAGE_S = 4.0
LATEST_MS = 5 * DEADLINE_MS
"""An event waits for at most two batches before its own, and for two busy cores."""


@pytest.fixture(scope="module")
def own_triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TritonServer]:
    """A Triton that may be damaged, with version 1 loaded."""
    folder = tmp_path_factory.mktemp("damaged")
    with TritonServer(folder / "models", folder / "triton") as running_server:
        models.publish(running_server, 1)
        load(running_server, 1)
        yield running_server


def kill(triton: TritonServer, _kafka: KafkaConnection) -> None:
    triton.process.send_signal(signal.SIGKILL)
    triton.process.wait(10)


def start_again(triton: TritonServer, _kafka: KafkaConnection) -> None:
    triton.start()


def freeze(triton: TritonServer, _kafka: KafkaConnection) -> None:
    triton.process.send_signal(signal.SIGSTOP)


def thaw(triton: TritonServer, _kafka: KafkaConnection) -> None:
    """A server whose stub was frozen aborts when it goes on, so its supervisor starts it again."""
    triton.process.send_signal(signal.SIGCONT)
    time.sleep(3)
    if not triton.process.is_running:
        triton.start()


def switch_to(version: int, publish: Callable[[TritonServer, int], Any], *, loaded: bool = True) -> Callable[..., None]:
    def do(triton: TritonServer, kafka: KafkaConnection) -> None:
        publish(triton, version)
        if loaded:
            load(triton, 1, version)
        announce_version(kafka, triton, version)

    return do


def wrong(constant: str, value: object) -> Callable[[TritonServer, int], None]:
    return lambda triton, version: models.publish_wrong(triton, version, constant, value)


def back_to_version_1(triton: TritonServer, kafka: KafkaConnection) -> None:
    announce_version(kafka, triton, 1)


DAMAGES = {
    "killed": (kill, start_again),
    "frozen": (freeze, thaw),
    "slow": (switch_to(2, models.publish_slow), back_to_version_1),
    "not a number": (switch_to(3, wrong("scores", math.nan)), back_to_version_1),
    "no such item": (switch_to(4, wrong("first", 1_000)), back_to_version_1),
    "padding": (switch_to(5, wrong("first", -1_000)), back_to_version_1),
    "announced, not loaded": (switch_to(6, models.publish, loaded=False), back_to_version_1),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_lists_go_on_without_the_model_and_return_to_it(
    kafka: KafkaConnection, progress: Progress, own_triton: TritonServer, tmp_path: Path, report: Report, name: str
) -> None:
    damage, repair = DAMAGES[name]
    announce_version(kafka, own_triton, 1)
    worker = Worker(kafka, tmp_path, "worker", settings_for(own_triton, DEADLINE_MS))
    with running(worker), steady_load(kafka, Load(5, Mix(users=200)), PER_S) as sent:
        _await_model(kafka)
        damage(own_triton, kafka)
        damaged_ms = time.time() * 1000
        time.sleep(DAMAGE_S)
        repaired_ms = time.time() * 1000
        repair(own_triton, kafka)
        began = time.monotonic()
        _await_model(kafka)
        recovered_s = round(time.monotonic() - began, 1)
        sent.stop()
        progress.wait_until_done(worker)
    evidence = Evidence(kafka)
    counts = evidence.counts()
    delays, fallbacks = _delays(kafka, damaged_ms, repaired_ms - 1000)
    report(
        f"Triton {name}",
        deaths=worker.deaths,
        recovered_after_s=recovered_s,
        during={
            "lists": len(delays),
            "fallback_share": round(fallbacks / len(delays), 3),
            "p50_ms": round(statistics.median(delays)),
            "max_ms": round(max(delays)),
        },
        **counts,
    )
    evidence.check()
    assert worker.deaths == 0
    assert fallbacks > 0
    assert max(delays) <= LATEST_MS


def _await_model(kafka: KafkaConnection) -> None:
    """Until the newest list is by the model."""
    eventually(lambda: lists(kafka)[-20:], lambda newest: any(each.source == "model" for each in newest), "the model")


def _delays(kafka: KafkaConnection, since_ms: float, until_ms: float) -> tuple[list[float], int]:
    """Milliseconds from each purchase in that time to its list, and how many of the lists are fallbacks."""
    sent = {}
    for message in records(kafka, topics.PURCHASES):
        event = messages.event_from_json(message.value() or b"")
        sent[event.user_id, event.event_id] = message.timestamp()[1]
    made = {(each.user_id, each.cause.event_id): each for each in reversed(lists(kafka))}
    wanted = {key: at for key, at in sent.items() if since_ms <= at <= until_ms}
    fallbacks = sum(made[key].source == "fallback" for key in wanted)
    return [made[key].generated_at.timestamp() * 1000 - at for key, at in wanted.items()], fallbacks
