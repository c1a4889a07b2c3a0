"""A load, and a worker that is killed again and again while it works."""

import random
import time
from typing import Any

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.faults.fleet import Progress, Worker, running
from tests.faults.load import Load, Mix
from tests.integration.workers import Source

MIX = Mix(repeats=0.01)
DURING_START = 0.2
"""Share of kills that fall into the time before the worker has got to work."""

SLOWEST = 500.0
"""Events per second that even a busy machine gets through."""


def kill_under_load(
    kafka: KafkaConnection, progress: Progress, worker: Worker, n_events: int, kills: int, state_lost_each: int = 0
) -> dict[str, Any]:
    """Publish a slice of the load before each kill, and wait in the end until all is done."""
    rng = random.Random(kills)
    load, source = Load(1, MIX), Source(kafka)
    rss = []
    with running(worker):
        for number in range(1, kills + 1):
            for sent in load.records(n_events // kills):
                source.send(*sent)
            source.flush()
            _wait_for_a_moment(progress, worker, rng, n_events // kills)
            worker.watch()
            rss.append(worker.rss_mib())
            worker.kill(with_state=state_lost_each > 0 and number % state_lost_each == 0)
            worker.start()
        began = time.monotonic()
        progress.wait_until_done(worker, timeout_s=120 + n_events / SLOWEST)
        rss.append(worker.rss_mib())
    return {"last_catch_up_s": round(time.monotonic() - began, 1), "rss_mib": rss}


def long_life(kafka: KafkaConnection, progress: Progress, worker: Worker, n_events: int) -> dict[str, Any]:
    """A load that nothing interrupts; the worker's memory after each twentieth of it, in MiB."""
    load, source = Load(2, MIX, first=n_events), Source(kafka)
    rss = []
    with running(worker):
        for _ in range(20):
            for sent in load.records(n_events // 20):
                source.send(*sent)
            source.flush()
            progress.wait_until_done(worker, timeout_s=120 + n_events / SLOWEST)
            rss.append(worker.rss_mib())
    return {"rss_mib_of_one_life": rss}


def _wait_for_a_moment(progress: Progress, worker: Worker, rng: random.Random, n_new: int) -> None:
    """Some time into the start, or some part into the work."""
    if rng.random() < DURING_START:
        time.sleep(rng.uniform(0.3, 3.0))
        return
    aim = progress.records_of(topics.PURCHASE_LOG) + rng.randint(1, max(2, n_new * 8 // 10))
    progress.wait_until(
        lambda: progress.records_of(topics.PURCHASE_LOG) >= aim or progress.behind() == 0, "some progress", worker
    )
    time.sleep(rng.uniform(0, 0.05))
