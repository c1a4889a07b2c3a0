"""Versions are swapped under load, and damaged ones are offered."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.triton import TritonServer
from serving.errors import ModelUnavailable
from serving.model_repository import ModelRepository
from streams.contract.connection import KafkaConnection
from tests.faults import models
from tests.faults.conftest import Report, announce_version, load, settings_for
from tests.faults.evidence import Evidence, expected_answers, items_of
from tests.faults.fleet import Progress, Worker, running
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load
from tests.integration.workers import eventually, lists
from tests.small_model import NAME
from trainer.announcement import announce

SWAPS, PER_S = 10, 200
FIRST, LAST = 1, 1 + SWAPS
UNREADABLE, UNLOADABLE = LAST + 1, LAST + 2


@pytest.fixture
def own_triton(tmp_path: Path) -> Iterator[TritonServer]:
    with TritonServer(tmp_path / "models", tmp_path / "triton") as server:
        models.publish(server, FIRST, shift=FIRST)
        load(server, FIRST)
        yield server


def test_versions_are_swapped_and_damaged_ones_passed_over_without_an_error(
    kafka: KafkaConnection, progress: Progress, own_triton: TritonServer, tmp_path: Path, report: Report
) -> None:
    announce_version(kafka, own_triton, FIRST)
    worker = Worker(kafka, tmp_path, "worker", settings_for(own_triton, deadline_ms=2_000))
    with running(worker), steady_load(kafka, Load(8, Mix(users=200)), PER_S) as sent:
        _await_version(kafka, FIRST)
        for version in range(FIRST + 1, LAST + 1):
            models.publish(own_triton, version, shift=version)
            load(own_triton, version - 1, version)
            announce_version(kafka, own_triton, version)
            _await_version(kafka, version)
        _offer_damaged_versions(kafka, own_triton)
        announce_version(kafka, own_triton, LAST)
        _await_version(kafka, LAST)
        sent.stop()
        progress.wait_until_done(worker)
    evidence = Evidence(kafka)
    by_version = Counter(each.model.version for attempts in evidence.lists.values() for each in attempts if each.model)
    counts = evidence.count_lists() | {"lists_unlike_the_history": _n_not_of_their_version(evidence)}
    report("hot swap", deaths=worker.deaths, lists_by_version=dict(sorted(by_version.items())), **counts)
    evidence.check_log()
    evidence.check_lists()
    evidence.check_state()
    assert worker.deaths == 0
    assert set(by_version) == set(range(FIRST, LAST + 1))
    assert counts["lists_unlike_the_history"] == 0


def _await_version(kafka: KafkaConnection, version: int) -> None:
    """Until one of the newest lists names it."""
    eventually(
        lambda: lists(kafka)[-50:],
        lambda newest: any(each.model and each.model.version == version for each in newest),
        f"version {version}",
    )


def _offer_damaged_versions(kafka: KafkaConnection, triton: TritonServer) -> None:
    """One that the worker cannot read, and one that Triton cannot load; both announced all the same."""
    for version, file in ((UNREADABLE, "items.json"), (UNLOADABLE, "model.onnx")):
        folder = models.publish(triton, version, shift=version)
        metadata = ModelRepository(triton.model_repository).read(NAME, version).metadata
        models.damage(folder, file)
        if version == UNLOADABLE:
            with pytest.raises(ModelUnavailable):
                load(triton, LAST, version)
            load(triton, LAST)
        announce(kafka, metadata, "damaged")
        time.sleep(1)


def _n_not_of_their_version(evidence: Evidence) -> int:
    """Lists that are not what the version that they name answers."""
    return sum(
        items_of(each) not in expected_answers(evidence.model.causes[cause], [each.model.version])
        for cause, attempts in evidence.lists.items()
        for each in attempts
        if each.model
    )
