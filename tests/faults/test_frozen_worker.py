"""Workers are frozen at random moments, while others take over their partitions, and wake up again."""

import random

import pytest

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.faults.freezing import freeze_in_turn, rebuild
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load

EVENTS_PER_S, FREEZES, USERS = 140, 10, 400
NAMES = ("first", "second", "third")


@pytest.mark.parametrize("members", ["static", "dynamic"])
def test_workers_that_wake_up_lose_double_and_turn_back_nothing(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report, members: str
) -> None:
    settings = {} if members == "static" else {"NEXTUP_WORKER_INSTANCE_ID": ""}
    workers = [make_worker(name, **settings) for name in NAMES]
    load = Load(17, Mix(users=USERS, repeats=0.01))
    with running(*workers), steady_load(kafka, load, EVENTS_PER_S) as sent:
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > 500, "a beginning", *workers)
        lengths = freeze_in_turn(workers, random.Random(17), FREEZES)
        sent.stop()
        progress.wait_until_done(*workers)
    evidence = Evidence(kafka)
    verdict = rebuild(workers[0])
    told = {"freezes_s": lengths, "deaths": [worker.deaths for worker in workers], "rebuild": verdict.stdout[-300:]}
    report(f"{members} workers frozen", **told, **evidence.counts(), **evidence.count_losses())
    evidence.check_nothing_lost_or_stale()
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
