"""A worker is frozen at each step of the durable agent, while another takes over, and wakes up again."""

import signal
import sys
import time

import psutil
import pytest

from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, Worker, running
from tests.faults.freezing import rebuild
from tests.faults.load import Load, Mix
from tests.faults.publishing import steady_load
from tests.faults.stepping_worker import HOOKS

FROZEN_S = 13.0
"""Longer than a session (10 s)."""


@pytest.mark.parametrize("step", HOOKS)
def test_a_worker_that_wakes_up_at_a_step_loses_and_doubles_nothing(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report, step: str
) -> None:
    stepping, other = make_worker("stepping", FREEZE_AT=step), make_worker("other")
    stepping.process.command = [sys.executable, "-m", "tests.faults.stepping_worker"]
    with running(stepping, other), steady_load(kafka, Load(18, Mix(users=400)), 140) as sent:
        progress.wait_until(lambda: _is_frozen(stepping), f"frozen at {step}", stepping, other, timeout_s=60)
        time.sleep(FROZEN_S)
        stepping.process.send_signal(signal.SIGCONT)
        time.sleep(3)
        stepping.process.command = stepping.command
        sent.stop()
        progress.wait_until_done(stepping, other)
    evidence = Evidence(kafka)
    verdict = rebuild(other)
    deaths = [stepping.deaths, other.deaths]
    report(f"frozen at {step}", deaths=deaths, **evidence.counts(), **evidence.count_losses())
    evidence.check_nothing_lost_or_stale()
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr


def _is_frozen(worker: Worker) -> bool:
    return psutil.Process(worker.process.pid).status() == psutil.STATUS_STOPPED
