"""A gateway that is measured: a stack of its own, purchases that flow through it, and what it uses meanwhile."""

import asyncio
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import psutil

from deploy.bench.candidates import WORKER, Candidate, running
from deploy.demo.local_stack import settings_for
from deploy.settings import Settings
from deploy.stack.broker import Broker
from deploy.stack.ports import LOOPBACK, free_ports
from streams.clients.publisher import PurchasePublisher
from streams.contract import topics
from streams.contract.messages import Event

READY_WITHIN_S = 60.0
WARM_UP_S = 3.0
"""How long purchases flow before their lists are timed."""
SETTLE_S = 3.0
"""How long after the last purchase lists may still come."""
NO_MODEL = f"{LOOPBACK}:1"


class Gateway:
    """One that is up. It counts as used what its process uses."""

    def __init__(self, settings: Settings, port: int, pid: int) -> None:
        self.settings = settings
        self.port = port
        self.url = f"http://{LOOPBACK}:{port}"
        self._process = psutil.Process(pid)

    def mib(self) -> float:
        """Its resident set."""
        return float(self._process.memory_info().rss / (1 << 20))

    def cpu_s(self) -> float:
        """Seconds of processor time so far."""
        return float(sum(self._process.cpu_times()[:2]))


class Flow(NamedTuple):
    """Purchases that have flowed. Moments are those of time.perf_counter."""

    sent: dict[bytes, float]
    """When each was handed to the publisher, by event id."""
    timed_from: float
    took_s: float
    cpu: float
    """Processor time of the gateway meanwhile, in cores."""

    def late_ms(self, event_id: bytes, arrived: float) -> float | None:
        """How late its list was; None where it is not timed."""
        sent = self.sent.get(event_id)
        return None if sent is None or sent <= self.timed_from else (arrived - sent) * 1000


@contextmanager
def fresh_stack() -> Iterator[tuple[Settings, Path]]:
    """Settings for a broker that nobody else is on, without a model, and a folder; both are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="nextup-bench-") as temporary:
        folder = Path(temporary)
        with Broker(folder / "broker") as broker:
            yield settings_for(folder, folder / "models", broker.bootstrap_servers, NO_MODEL), folder


@contextmanager
def running_gateway(candidate: Candidate, settings: Settings, folder: Path, streams: int) -> Iterator[Gateway]:
    """The candidate, ready for so many streams, beside a worker whose fallback makes the lists."""
    topics.ensure(settings.kafka, settings.topics)
    port = free_ports(1)[0]
    own = folder / "gateway"
    more = {
        "NEXTUP_GATEWAY_ADDRESS": f"{LOOPBACK}:{port}",
        "NEXTUP_GATEWAY_DATADIR": str(own / "view"),
        "NEXTUP_GATEWAY_KEYS_FILE": str(own / "keys.json"),
        "NEXTUP_GATEWAY_MAX_STREAMS": str(max(streams, 1)),
    }
    with (
        running(WORKER, settings, settings.kafka, folder / "worker"),
        running(candidate, settings, settings.kafka, own, **more) as process,
    ):
        process.wait_until_ready(lambda: _is_ready(port), READY_WITHIN_S)
        yield Gateway(settings, port, process.pid)


async def flow(gateway: Gateway, events: Sequence[Event], rate: float) -> Flow:
    """Publish so many purchases per second, and return when the broker has all of them."""
    busy, began = gateway.cpu_s(), time.perf_counter()
    sent = await asyncio.to_thread(_sent, gateway.settings, events, rate)
    took = time.perf_counter() - began
    return Flow(sent, began + WARM_UP_S, took, (gateway.cpu_s() - busy) / took)


def _sent(settings: Settings, events: Sequence[Event], rate: float) -> dict[bytes, float]:
    sent = {}
    with PurchasePublisher(settings.kafka) as publisher:
        began = time.perf_counter()
        for number, event in enumerate(events):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            sent[event.event_id.encode()] = time.perf_counter()
            publisher.publish(event)
    return sent


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/ready").is_success
    except httpx.TransportError:
        return False
