"""The first damage at ten times its size, with the worker's memory over time. Run by `make soak` alone."""

from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress
from tests.faults.killing import kill_under_load, long_life

EVENTS, KILLS = 200_000, 200


def test_a_worker_that_is_killed_two_hundred_times(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report
) -> None:
    worker = make_worker("killed")
    told = kill_under_load(kafka, progress, worker, EVENTS, KILLS)
    told |= long_life(kafka, progress, worker, EVENTS)
    evidence = Evidence(kafka)
    counts = evidence.counts()
    report("soak: worker killed", kills=KILLS, **told, **counts)
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert worker.deaths == 0
