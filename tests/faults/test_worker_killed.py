"""The worker is killed at random moments, with its state on disk and without."""

import pytest

from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress
from tests.faults.killing import kill_under_load

EVENTS, KILLS = 20_000, 20


@pytest.mark.parametrize("state_lost_each", [0, 5], ids=["state kept", "state lost each fifth time"])
def test_a_worker_that_is_killed_over_and_over_loses_and_doubles_nothing(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report, state_lost_each: int
) -> None:
    worker = make_worker("killed")
    told = kill_under_load(kafka, progress, worker, EVENTS, KILLS, state_lost_each)
    evidence = Evidence(kafka)
    damage = "worker killed" + (", state lost each fifth time" if state_lost_each else "")
    counts = evidence.counts()
    report(damage, kills=KILLS, **told, **counts)
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert worker.deaths == 0
    assert counts["lists_again_that_differ"] <= 0.01 * counts["lists"]
