"""Workers that are frozen for longer than their session lasts, and wake up again."""

import random
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tests.faults.fleet import Worker

SHORTEST_S, LONGEST_S = 5.0, 20.0
PAUSE_S = (0.0, 4.0)
OVERLAPPING = 0.3
"""Share of freezes during which a second worker is frozen as well."""


def freeze_in_turn(workers: Sequence[Worker], rng: random.Random, freezes: int) -> list[float]:
    """Freeze randomly chosen workers, `freezes` in all; the lengths of the freezes in seconds."""
    lengths: list[float] = []
    while len(lengths) < freezes:
        pair = len(lengths) + 2 <= freezes and rng.random() < OVERLAPPING
        seconds = rng.uniform(SHORTEST_S, LONGEST_S)
        with frozen(*rng.sample(workers, 2 if pair else 1)):
            time.sleep(seconds)
        lengths += [round(seconds, 1)] * (2 if pair else 1)
        for worker in workers:
            worker.watch()
        time.sleep(rng.uniform(*PAUSE_S))
    return lengths


@contextmanager
def frozen(*workers: Worker) -> Iterator[None]:
    """Stopped by SIGSTOP, and whatever happens continued in the end."""
    try:
        for worker in workers:
            worker.process.send_signal(signal.SIGSTOP)
        yield
    finally:
        for worker in workers:
            worker.process.send_signal(signal.SIGCONT)


def rebuild(worker: Worker) -> subprocess.CompletedProcess[str]:
    """What `nextup rebuild` says with the settings of a worker."""
    command = [*worker.command[:-1], "rebuild"]
    return subprocess.run(command, env=worker.environment, capture_output=True, text=True, timeout=120, check=False)
