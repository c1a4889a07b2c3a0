"""The two measurements: lists per second from a backlog, and latency in an open loop."""

import threading
import time
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil

from deploy.bench.candidates import Candidate, fresh_topics, running
from deploy.settings import Settings
from deploy.stack.errors import StackError
from deploy.stack.process import ChildProcess
from streams.clients.publisher import PurchasePublisher
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Event

PATIENCE_S = 120.0
WARM_UP_S = 3.0


class Throughput(NamedTuple):
    """From a backlog: lists per second between the first and the last tenth, and the process's own
    processor time per list in milliseconds, from its start."""

    lists_per_second: float
    cpu_ms_per_list: float
    by_model: float
    """Share of the lists that the model made."""


class OpenLoop(NamedTuple):
    """Milliseconds from the moment an event was due to be published to its list in a subscriber's hands."""

    rate: float
    p50: float
    p99: float


class _Arrivals:
    """Receives lists in a thread and notes when the first list of each event came."""

    def __init__(self, connection: KafkaConnection) -> None:
        self.at: dict[str, float] = {}
        self.by_model = 0
        self._subscriber = RecommendationSubscriber(connection)
        self._thread = threading.Thread(target=self._receive, daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        for recommended in self._subscriber:
            self.at.setdefault(recommended.cause.event_id, time.perf_counter())
            self.by_model += recommended.source == "model"

    def wait_for(self, count: int, process: ChildProcess) -> None:
        last, moved = 0, time.monotonic()
        while len(self.at) < count:
            if len(self.at) != last:
                last, moved = len(self.at), time.monotonic()
            if not process.is_running or time.monotonic() - moved > PATIENCE_S:
                lines = "\n".join(process.last_lines())
                raise StackError(f"{process.name} stopped at {last} of {count} lists; it said last:\n{lines}")
            time.sleep(0.05)

    def close(self) -> None:
        self._subscriber.close()
        self._thread.join()


def throughput(candidate: Candidate, settings: Settings, events: Sequence[Event], folder: Path, run: str) -> Throughput:
    """Publish everything first, then start the process and watch the lists come."""
    connection = fresh_topics(settings, f"bench-{run}.")
    _publish(connection, events, rate=None)
    arrivals = _Arrivals(connection)
    try:
        with running(candidate, settings, connection, folder / run) as process:
            arrivals.wait_for(len(events), process)
            cpu = sum(psutil.Process(process.pid).cpu_times()[:2])
    finally:
        arrivals.close()
    times = sorted(arrivals.at.values())
    first, last = times[len(times) // 10], times[-1]
    rate = 0.9 * len(times) / (last - first)
    return Throughput(rate, 1000 * cpu / len(times), arrivals.by_model / len(times))


def open_loop(
    candidate: Candidate,
    settings: Settings,
    history: Sequence[Event],
    events: Sequence[Event],
    rates: Sequence[float],
    seconds: float,
    folder: Path,
    run: str,
) -> list[OpenLoop]:
    """After `history` has been processed, publish `events` in turn at each rate for `seconds`, whatever comes back."""
    connection = fresh_topics(settings, f"bench-{run}.")
    arrivals = _Arrivals(connection)
    results = []
    try:
        with running(candidate, settings, connection, folder / run) as process:
            _publish(connection, history, rate=None)
            arrivals.wait_for(len(history), process)
            rest = iter(events)
            for rate in rates:
                due = _publish(connection, list(islice(rest, int(seconds * rate))), rate)
                arrivals.wait_for(len(arrivals.at) + sum(event_id not in arrivals.at for event_id in due), process)
                results.append(_open_loop_result(rate, [arrivals.at[each] - moment for each, moment in due.items()]))
    finally:
        arrivals.close()
    return results


def _open_loop_result(rate: float, late_s: list[float]) -> OpenLoop:
    warm = late_s[int(WARM_UP_S * rate) :] or late_s
    p50, p99 = np.percentile(np.array(warm) * 1000, [50, 99])
    return OpenLoop(rate, float(p50), float(p99))


def _publish(connection: KafkaConnection, events: Sequence[Event], rate: float | None) -> dict[str, float]:
    """When each event was due, by event_id."""
    due = {}
    with PurchasePublisher(connection) as publisher:
        start = time.perf_counter()
        for number, event in enumerate(events):
            moment = start + number / rate if rate else time.perf_counter()
            _sleep_until(moment, time.perf_counter)
            due[event.event_id] = moment
            publisher.publish(event)
    return due


def _sleep_until(moment: float, clock: Callable[[], float]) -> None:
    while (wait := moment - clock()) > 0:
        time.sleep(wait)
