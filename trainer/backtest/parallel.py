"""Models are independent of each other, so several are fit and asked at once, each in a process.

Processes are started anew and not forked: a copy of a process in which TensorFlow has started threads stands still.
The purchases travel to each process once.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager

from trainer.backtest.asking import Task, ask
from trainer.backtest.findings import Findings
from trainer.backtest.visits import Visit
from trainer.progress import Progress, Silent, timed_step

Fits = tuple[tuple[Visit, ...], ...]
_fits: list[Fits] = []
"""In a process of the pool: what it was given at its start."""


def ask_all(tasks: Sequence[Task], fits: Fits, processes: int, progress: Progress) -> Iterator[Findings]:
    """What each task finds, as they end. A process that is ended from outside is told as the failure of its task."""
    with timed_step(progress, f"{processes} models at a time", len(tasks)), _pool(processes, fits) as pool:
        # Rules come first in tables and take the least time; begun last, they fill the gaps in the end.
        running = {pool.submit(_asked, task): task for task in reversed(tasks)}
        for future in as_completed(running):
            task = running[future]
            yield _outcome(future, task, fits)
            progress.advanced(1)
            progress.noted(f"done: {task.described(fits[task.fit])}")


@contextmanager
def _pool(processes: int, fits: Fits) -> Iterator[ProcessPoolExecutor]:
    spawned = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=spawned, initializer=_start, initargs=(fits,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(fits: Fits) -> None:
    """Failures come back as values; what native libraries say beside would run through the terminal's bar."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _fits.append(fits)


def _asked(task: Task) -> Findings:
    return ask(task, _fits[0][task.fit], Silent())


def _outcome(future: "Future[Findings]", task: Task, fits: Fits) -> Findings:
    findings = Findings()
    with findings.failing(task.name, [question for visit in fits[task.fit] for question in visit.names]):
        return future.result()
    return findings
