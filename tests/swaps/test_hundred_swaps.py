"""A hundred swaps while customers buy."""

import time
from bisect import bisect_right
from collections import Counter
from pathlib import Path

import psutil

from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion, RecommendationList
from tests.faults import models
from tests.faults.conftest import settings_for
from tests.faults.evidence import Evidence, expected_answers, items_of
from tests.faults.fleet import Progress, Worker, running
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load
from tests.integration.workers import eventually, lists, records
from tests.swaps.conftest import Report
from trainer.swaps.swaps import Swaps

SWAPS, PER_S = 100, 100
VERSIONS = (1, 2, 3)
UNRELEASED = 4
IDLE_SWAPS = 10
"""While customers buy, RocksDB fills its write buffers; so the worker's memory must be level when they have stopped."""
SETTLED = 20
"""After so many swaps every version has been loaded and dropped several times."""
LEVEL_MIB = 24.0
LOADED = 2
"""What serves, and one for a rollback."""


def test_a_hundred_swaps_lose_nothing_and_leave_memory_level(
    kafka: KafkaConnection, server: TritonServer, swaps: Swaps, tmp_path: Path, report: Report
) -> None:
    for version in (*VERSIONS, UNRELEASED):
        models.publish(server, version, shift=version)
    swaps.promote(1, "the first")
    progress = Progress(kafka)
    worker = Worker(kafka, tmp_path, "worker", settings_for(server, deadline_ms=2_000))
    memory: dict[int, tuple[float, float]] = {}
    with running(worker), steady_load(kafka, Load(8, Mix(users=200)), PER_S) as sent:
        eventually(lambda: lists(kafka)[-50:], lambda newest: any(each.model for each in newest), "the first version")
        began = time.monotonic()
        for number in range(1, SWAPS + IDLE_SWAPS + 1):
            swapped = swaps.promote(VERSIONS[number % 3], f"swap {number}")
            assert swapped.retired.late == ()
            if number == SWAPS:
                under_load_s = time.monotonic() - began
                sent.stop()
                progress.wait_until_done(worker)
            if number in {SETTLED, SWAPS, SWAPS + IDLE_SWAPS}:
                memory[number] = worker.rss_mib(), server_mib(server.process.pid)
    progress.close()
    evidence = Evidence(kafka)
    made = lists(kafka)
    by_version = Counter(each.model.version for each in made if each.model)
    figures = {
        "swaps": SWAPS,
        "purchases": evidence.n_source,
        "lists": len(made),
        "seconds_per_swap": round(under_load_s / SWAPS, 2),
        "unanswered": n_unanswered(evidence),
        "lists_by_version": dict(sorted(by_version.items())),
        "named_before_announced": len(too_early(made, announcements(kafka))),
        "lists_unlike_their_version": n_unlike_their_version(evidence),
        "deaths": worker.deaths,
        "worker_mib": {number: of_worker for number, (of_worker, _) in memory.items()},
        "server_mib": {number: of_server for number, (_, of_server) in memory.items()},
        "loaded_at_the_end": ModelRepository(server.model_repository).pinned("next-purchase"),
    }
    report("100 swaps under load", **figures)
    evidence.check_log()
    evidence.check_lists()
    evidence.check_state()
    assert set(by_version) == set(VERSIONS)
    assert [figures[name] for name in ("unanswered", "named_before_announced", "deaths")] == [0, 0, 0]
    assert figures["lists_unlike_their_version"] == 0
    settled, loaded, end = memory.values()
    assert end[0] - loaded[0] <= LEVEL_MIB
    assert end[1] - settled[1] <= LEVEL_MIB
    assert len(ModelRepository(server.model_repository).pinned("next-purchase")) == LOADED


def server_mib(pid: int) -> float:
    """Triton and the process of each version that is loaded, once that of the one before has ended."""
    server = psutil.Process(pid)
    eventually(server.children, lambda found: len(found) == LOADED, "two loaded versions", timeout_s=60)
    return round(sum(each.memory_info().rss for each in (server, *server.children())) / (1 << 20), 1)


def announcements(kafka: KafkaConnection) -> list[ModelVersion]:
    values = [message.value() for message in records(kafka, topics.MODEL_VERSIONS)]
    return [messages.model_version.decode(value) for value in values if value is not None]


def too_early(made: list[RecommendationList], announced: list[ModelVersion]) -> list[RecommendationList]:
    """Lists that name a version which had not been announced when they were made."""
    times = [each.since for each in announced]
    return [
        each
        for each in made
        if each.model
        and each.model.version not in {a.version for a in announced[: bisect_right(times, each.generated_at)]}
    ]


def n_unanswered(evidence: Evidence) -> int:
    """Fallback lists for customers who had a history that the model could have been asked about."""
    return sum(
        not each.model and evidence.model.causes[cause] != {None}
        for cause, attempts in evidence.lists.items()
        for each in attempts
    )


def n_unlike_their_version(evidence: Evidence) -> int:
    """Lists that are not what the version that they name answers."""
    return sum(
        items_of(each) not in expected_answers(evidence.model.causes[cause], [each.model.version])
        for cause, attempts in evidence.lists.items()
        for each in attempts
        if each.model
    )
