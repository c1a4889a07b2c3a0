"""The gateway under readers: many streams of all lists open, while purchases flow through a worker."""

import asyncio
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import psutil

from deploy.bench.candidates import WORKER, Candidate, running
from deploy.settings import Settings
from deploy.stack.ports import LOOPBACK, free_ports
from deploy.stack.process import ChildProcess
from streams.clients.publisher import PurchasePublisher
from streams.contract import topics
from streams.contract.messages import Event

GATEWAY = Candidate("nextup gateway", ("-m", "deploy", "gateway"))
READY_WITHIN_S = 60.0
WARM_UP_S = 3.0
SETTLE_S = 3.0
"""How long after the last purchase lists may still come."""
REQUEST = b"GET /v1/recommendations/stream HTTP/1.1\r\nHost: bench\r\n\r\n"
EVENT = b"event: list"
CAUSE = b'"event_id":"'


class Memory(NamedTuple):
    """Resident set of the gateway, in MiB."""

    idle: float
    with_readers: float
    at_the_end: float


class Streaming(NamedTuple):
    """What was measured. Milliseconds from handing a purchase to the publisher until its list is with a reader,
    of the newest list in each piece that a reader receives."""

    readers: int
    purchases: int
    delivered: float
    """Lists that readers received, as a share of readers x purchases."""
    p50: float
    p99: float
    slowest: float
    cpu: float
    """Processor time of the gateway while purchases flowed, in cores."""
    memory: Memory


class Sent:
    """When each purchase was handed to the publisher, in a thread at a steady rate."""

    def __init__(self, settings: Settings, events: Sequence[Event], rate: float) -> None:
        self.at: dict[bytes, float] = {}
        self._events = events
        self._rate = rate
        self._publisher = PurchasePublisher(settings.kafka)
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def wait(self) -> None:
        """Until the broker has all of them."""
        self._thread.join()

    def _send(self) -> None:
        began = time.perf_counter()
        with self._publisher as publisher:
            for number, event in enumerate(self._events):
                time.sleep(max(0.0, began + number / self._rate - time.perf_counter()))
                self.at[event.event_id.encode()] = time.perf_counter()
                publisher.publish(event)


class Reader:
    """One open stream. It counts lists, and looks at the newest of each piece that it receives."""

    def __init__(self) -> None:
        self.received = 0
        self.arrivals: list[tuple[bytes, float]] = []
        self._half = b""

    def take(self, piece: bytes) -> None:
        now = time.perf_counter()
        self.received += (self._half[-len(EVENT) + 1 :] + piece).count(EVENT)
        self._half = piece[-len(EVENT) :]
        begin = piece.rfind(CAUSE)
        end = piece.find(b'"', begin + len(CAUSE))
        if begin >= 0 and end >= 0:
            self.arrivals.append((piece[begin + len(CAUSE) : end], now))


def measure(settings: Settings, events: Sequence[Event], readers: int, rate: float, folder: Path) -> Streaming:
    """A worker and a gateway of their own on the broker of `settings`; the worker's fallback makes the lists."""
    topics.ensure(settings.kafka, settings.topics)
    port = free_ports(1)[0]
    more = {
        "NEXTUP_GATEWAY_ADDRESS": f"{LOOPBACK}:{port}",
        "NEXTUP_GATEWAY_DATADIR": str(folder / "gateway" / "view"),
        "NEXTUP_GATEWAY_KEYS_FILE": str(folder / "gateway" / "keys.json"),
        "NEXTUP_GATEWAY_MAX_STREAMS": str(readers),
    }
    with (
        running(WORKER, settings, settings.kafka, folder / "worker"),
        running(GATEWAY, settings, settings.kafka, folder / "gateway", **more) as gateway,
    ):
        gateway.wait_until_ready(lambda: is_ready(port), READY_WITHIN_S)
        return asyncio.run(_streamed(settings, events, readers, rate, gateway, port))


async def _streamed(
    settings: Settings, events: Sequence[Event], n_readers: int, rate: float, gateway: ChildProcess, port: int
) -> Streaming:
    process = psutil.Process(gateway.pid)
    idle = mib(process)
    readers = [Reader() for _ in range(n_readers)]
    async with asyncio.TaskGroup() as streams:
        tasks = [streams.create_task(_read(reader, port)) for reader in readers]
        await asyncio.sleep(SETTLE_S)
        with_readers, busy = mib(process), cpu_s(process)
        began = time.perf_counter()
        sent = Sent(settings, events, rate)
        await asyncio.to_thread(sent.wait)
        cpu = (cpu_s(process) - busy) / (time.perf_counter() - began)
        await asyncio.sleep(SETTLE_S)
        memory = Memory(idle, with_readers, mib(process))
        for task in tasks:
            task.cancel()
    late = np.array(list(_late_ms(readers, sent.at, began + WARM_UP_S)))
    p50, p99 = np.percentile(late, [50, 99])
    delivered = sum(reader.received for reader in readers) / (n_readers * len(events))
    return Streaming(n_readers, len(events), delivered, float(p50), float(p99), float(late.max()), cpu, memory)


async def _read(reader: Reader, port: int) -> None:
    source, sink = await asyncio.open_connection(LOOPBACK, port)
    sink.write(REQUEST)
    try:
        while piece := await source.read(1 << 16):
            reader.take(piece)
    finally:
        sink.close()


def _late_ms(readers: Sequence[Reader], sent: dict[bytes, float], after: float) -> Iterator[float]:
    for reader in readers:
        for event_id, at in reader.arrivals:
            if event_id in sent and sent[event_id] > after:
                yield (at - sent[event_id]) * 1000


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/ready").is_success
    except httpx.TransportError:
        return False


def mib(process: psutil.Process) -> float:
    return float(process.memory_info().rss / (1 << 20))


def cpu_s(process: psutil.Process) -> float:
    return float(sum(process.cpu_times()[:2]))
