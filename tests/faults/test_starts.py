"""One to four workers start and rebalance, at once and one after another: none ends by itself, all are soon ready."""

import os
import random
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple
from urllib.request import urlopen

from deploy.stack.broker import Broker
from deploy.stack.triton import TritonServer
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.conftest import PARTITIONS
from tests.faults.conftest import Report, announce_version, settings_for
from tests.faults.fleet import Worker
from tests.faults.load import Load
from tests.integration.workers import Source

ROUNDS = int(os.environ.get("NEXTUP_TEST_STARTS", "4"))
READY_WITHIN_S = 20.0
FILLED = 2_000
GAP_S = 1.5
"""Between two starts: in the middle of the rebalance that the one before has caused."""


class Round(NamedTuple):
    """How many workers start, whether all at once, and whether the topics hold purchases already."""

    workers: int
    at_once: bool
    filled: bool


KINDS = (
    Round(2, at_once=True, filled=False),
    Round(4, at_once=False, filled=True),
    Round(3, at_once=False, filled=False),
    Round(4, at_once=True, filled=True),
    Round(1, at_once=True, filled=False),
    Round(2, at_once=True, filled=True),
    Round(4, at_once=True, filled=False),
    Round(3, at_once=True, filled=False),
)


def test_workers_that_start_and_rebalance_together_do_not_end_and_are_soon_ready(
    broker: Broker, model_server: TritonServer, tmp_path: Path, report: Report
) -> None:
    slowest: dict[str, float] = {}
    for number, kind in enumerate(islice(cycle(KINDS), ROUNDS)):
        kafka = KafkaConnection(broker.bootstrap_servers, topic_prefix=f"starts-{os.getpid()}-{number}.")
        topics.ensure(kafka, topics.TopicLayout(partitions=PARTITIONS))
        announce_version(kafka, model_server, 1)
        if kind.filled:
            fill(kafka)
        folder = tmp_path / str(number)
        workers = [Worker(kafka, folder, f"w{i}", settings_for(model_server)) for i in range(kind.workers)]
        taken = start_and_leave(workers, kind, random.Random(number))
        name = f"{kind.workers} {'at once' if kind.at_once else 'in turn'}, {'filled' if kind.filled else 'fresh'}"
        slowest[name] = max(slowest.get(name, 0.0), taken)
    report("starts", rounds=ROUNDS, slowest_s=slowest)


def fill(kafka: KafkaConnection) -> None:
    source = Source(kafka)
    for sent in Load(5).records(FILLED):
        source.send(*sent)
    source.flush()


@contextmanager
def stopped_in_the_end(workers: list[Worker]) -> Iterator[None]:
    try:
        yield
    finally:
        for worker in workers:
            worker.process.send_signal(signal.SIGKILL)
        for worker in workers:
            worker.process.stop(5)


def start_and_leave(workers: list[Worker], kind: Round, rng: random.Random) -> float:
    """Start them, and once all are ready end one, so that the others rebalance; returns the longest wait in seconds."""
    with stopped_in_the_end(workers):
        for worker in workers:
            worker.start()
            if not kind.at_once:
                time.sleep(GAP_S)
        longest = wait_until_ready(workers)
        if len(workers) > 1:
            leaving = rng.choice(workers)
            leaving.stop()
            longest = max(longest, wait_until_ready([worker for worker in workers if worker is not leaving]))
            leaving.start()
            longest = max(longest, wait_until_ready(workers))
    return round(longest, 1)


def wait_until_ready(workers: list[Worker]) -> float:
    """The seconds until all are ready at the same time; none has ended meanwhile."""
    began = time.monotonic()
    while True:
        ended = [worker for worker in workers if not worker.process.is_running]
        assert not ended, ended[0].process.last_lines(20)
        if all(is_ready(worker) for worker in workers):
            return time.monotonic() - began
        late = [worker for worker in workers if not is_ready(worker)]
        told = [line for worker in late for line in worker.process.last_lines(10)]
        assert time.monotonic() - began < READY_WITHIN_S, told
        time.sleep(0.1)


def is_ready(worker: Worker) -> bool:
    """What /ready says at the address that the newest start has told."""
    told = re.findall(r"health and metrics: (http://[^/]+)/", worker.process.log.read_text())
    try:
        return bool(told) and urlopen(told[-1] + "/ready", timeout=5).status == 200  # noqa: S310 - its own address
    except OSError:
        return False
