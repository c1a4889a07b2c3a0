"""Everything that watches a worker from outside its event loop, together: pulse, watchdog, HTTP."""

import asyncio
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

import faust
from prometheus_client import CONTENT_TYPE_LATEST

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.worker import faust_internals, health
from streams.worker.backlog import Backlog
from streams.worker.health import HealthServer, Page
from streams.worker.metrics import Metrics
from streams.worker.pulse import Agent, Pulse, Vitals
from streams.worker.settings import WorkerSettings
from streams.worker.source_topic import SourceTopic
from streams.worker.watchdog import Watchdog

ASK_TIMEOUT_S = 5.0


class Oversight:
    """Answers over HTTP within the `with` block; watches an app once it is told to."""

    def __init__(self, kafka: KafkaConnection, settings: WorkerSettings) -> None:
        """Raises WorkerError where worker.health_address cannot be listened on."""
        self.metrics = Metrics()
        self.pulse = Pulse()
        self._kafka = kafka
        self._settings = settings
        self._watchdog: Watchdog | None = None
        self._source_topic: SourceTopic | None = None
        address = settings.health_address
        self._server = HealthServer(address, self._pages()) if address else None
        self._add_gauges()

    def watch(
        self, app: faust.App, loop: asyncio.AbstractEventLoop, partitions: int, source_topic: SourceTopic
    ) -> None:
        """From the loop's first turn on; `partitions` is how many the source has."""
        source = self._kafka.topic_prefix + topics.PURCHASES.name
        group = self._kafka.topic_prefix + self._settings.group
        stalled_after_s = self._settings.stalled_after_s
        self.pulse.start(loop, lambda agent, now: take_vitals(app, source, agent, now))
        backlog = Backlog(self._kafka, group, source, min(ASK_TIMEOUT_S, stalled_after_s / 4))
        self._watchdog = Watchdog(self.pulse, backlog, source_topic, partitions, stalled_after_s)
        self._watchdog.start()
        self._source_topic = source_topic

    def __enter__(self) -> Self:
        if self._server:
            self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watchdog:
            self._watchdog.stop()
        if self._server:
            self._server.stop()

    def _pages(self) -> dict[str, Callable[[], Page]]:
        return {
            "/live": health.verdict(self._why_not_alive),
            "/ready": health.verdict(self._why_not_ready, self._degraded),
            "/metrics": lambda: Page(self.metrics.page(), content_type=CONTENT_TYPE_LATEST),
        }

    def _why_not_alive(self) -> str | None:
        if self._watchdog and not self._watchdog.is_alive:
            return "the watchdog has ended"
        return health.alive(self.pulse.vitals, time.monotonic())

    def _why_not_ready(self) -> str | None:
        growth = self._watchdog.growth if self._watchdog else None
        return health.ready(self.pulse.vitals, time.monotonic()) or growth

    def _degraded(self) -> str | None:
        """What has gone wrong although this worker works: a restart would not mend it."""
        lost = self._lost()
        return f"{lost} records of purchases were deleted before they were read" if lost else None

    def _lost(self) -> int:
        return self._source_topic.n_lost if self._source_topic else 0

    def _add_gauges(self) -> None:
        gauge = self.metrics.gauge
        gauge("worker_ready", "1 while /ready answers 200.", lambda: self._why_not_ready() is None)
        gauge("worker_partitions", "Partitions of this worker.", lambda: self._of_vitals(lambda v: len(v.partitions)))
        gauge("worker_events_done", "Events acknowledged.", lambda: self._of_vitals(lambda v: v.events_done))
        gauge("source_partitions", "Partitions of purchases at the last look.", self._source_partitions)
        gauge("source_records_lost", "Records of purchases that were deleted before they were read.", self._lost)
        gauge("worker_lag_records", "Offsets that wait, at the watchdog's last look.", self._waiting)

    def _of_vitals(self, read: Callable[[Vitals], int]) -> int:
        return read(self.pulse.vitals) if self.pulse.vitals else 0

    def _source_partitions(self) -> int:
        return self._watchdog.n_partitions if self._watchdog else 0

    def _waiting(self) -> int:
        return self._watchdog.waiting if self._watchdog else 0


def take_vitals(app: faust.App, source: str, agent: Agent | None, now: float) -> Vitals:
    """How the app is; to be called in its event loop. `source` is the full name of the topic that it reads."""
    restored, to_restore = faust_internals.restoration(app)
    return Vitals(
        now,
        faust_internals.assigned_partitions(app, source),
        faust_internals.is_recovered(app),
        restored,
        to_restore,
        agent is not None and agent.is_running,
        agent.events_done if agent else 0,
    )
