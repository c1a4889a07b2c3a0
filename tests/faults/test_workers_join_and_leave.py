"""Workers come and go while others work."""

import random
import time

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, Worker, running
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load

EVENTS_PER_S, JOINS = 250, 6


def test_workers_that_join_and_leave_during_load_lose_and_turn_back_nothing(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report
) -> None:
    """The others are dynamic members of the group, so that their leaving is known at once; one of them is killed."""
    first = make_worker("first")
    others = [make_worker(name, NEXTUP_WORKER_INSTANCE_ID="") for name in ("second", "third")]
    rng = random.Random(3)
    with running(first), steady_load(kafka, Load(3, Mix(repeats=0.01)), EVENTS_PER_S) as sent:
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > 500, "a beginning", first)
        try:
            for number in range(JOINS):
                _join_and_leave(progress, first, others[number % 2], rng, kill=number == 4)
        finally:
            for other in others:
                other.process.stop(5)
        sent.stop()
        progress.wait_until_done(first)
    evidence = Evidence(kafka)
    told = {"joins": JOINS, "deaths": first.deaths, "rss_mib": [w.max_rss_mib for w in (first, *others)]}
    counts = evidence.counts()
    report("workers join and leave", **told, **counts)
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert first.deaths == 0


def _join_and_leave(progress: Progress, first: Worker, other: Worker, rng: random.Random, *, kill: bool) -> None:
    """Into the load, at work for some seconds, and out of it."""
    before = progress.records_of(topics.PURCHASE_LOG)
    other.start()
    time.sleep(rng.uniform(4, 8))
    assert other.process.is_running
    if kill:
        other.kill()
    else:
        other.stop()
    progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > before, "any progress", first)
    time.sleep(rng.uniform(1, 3))
