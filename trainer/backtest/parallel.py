"""Tasks know nothing of each other, so several are done at once, each in a process.

Processes are started anew and not forked: a copy of a process in which TensorFlow has started threads stands still.
The purchases travel to each process once.
"""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager

from trainer.backtest.findings import Findings
from trainer.backtest.task import Ground, Task
from trainer.progress import Progress, Silent, timed_step

_ground: list[Ground] = []
"""In a process of the pool: what it was given at its start."""


def done_by_several(processes: int, tasks: Sequence[Task], ground: Ground, progress: Progress) -> Iterator[Findings]:
    """What each task finds, as they end. A process that is ended from outside is told as the failure of its task."""
    with timed_step(progress, f"{processes} tasks at a time", len(tasks)), _pool(processes, ground) as pool:
        # Rules come first and take the least time; begun last, they fill the gaps in the end.
        running = {pool.submit(_asked, task): task for task in reversed(tasks)}
        for future in as_completed(running):
            task = running[future]
            yield _outcome(future, task, ground)
            progress.advanced(1)
            progress.noted(f"done: {task.described(ground)}")


@contextmanager
def _pool(processes: int, ground: Ground) -> Iterator[ProcessPoolExecutor]:
    spawned = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=spawned, initializer=_start, initargs=(ground,))
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _start(ground: Ground) -> None:
    """Failures come back as values; what native libraries say beside would run through the terminal's bar."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    _ground.append(ground)


def _asked(task: Task) -> Findings:
    return task.done(_ground[0], Silent())


def _outcome(future: "Future[Findings]", task: Task, ground: Ground) -> Findings:
    findings = Findings()
    with findings.failing(task.name, task.questions(ground)):
        return future.result()
    return findings
