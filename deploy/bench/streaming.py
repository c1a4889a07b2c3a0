"""The gateway under readers: many streams of all lists open, while purchases flow through a worker."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from deploy.bench.candidates import Candidate
from deploy.bench.figures import Cost, Memory, late
from deploy.bench.gateway_load import SETTLE_S, Flow, Gateway, flow, running_gateway
from deploy.settings import Settings
from deploy.stack.ports import LOOPBACK
from streams.contract.messages import Event

GATEWAY = Candidate("nextup gateway", ("-m", "deploy", "gateway"))
REQUEST = b"GET /v1/recommendations/stream HTTP/1.1\r\nHost: bench\r\n\r\n"
EVENT = b"event: list"
CAUSE = b'"event_id":"'


class Streamed(NamedTuple):
    """What readers got. Milliseconds from handing a purchase to the publisher until its list is with a reader,
    of the newest list in each piece that a reader receives."""

    readers: int
    purchases: int
    delivered: float
    """Lists that readers received, as a share of readers x purchases."""
    p50: float
    p99: float
    slowest: float

    def rows(self) -> list[tuple[str, str]]:
        """Of a table."""
        return [
            ("lists that came, of all for all", f"{self.delivered:.2%}"),
            ("purchase to list: p50, p99, slowest", f"{self.p50:.0f}, {self.p99:.0f}, {self.slowest:.0f} ms"),
        ]


class Reader:
    """One open stream. It counts lists, and looks at the newest of each piece that it receives."""

    def __init__(self) -> None:
        self.received = 0
        self.arrivals: list[tuple[bytes, float]] = []
        self._half = b""

    def take(self, piece: bytes) -> None:
        now = time.perf_counter()
        text = self._half + piece
        self.received += text.count(EVENT)
        self._half = text[-len(EVENT) + 1 :]
        begin = piece.rfind(CAUSE)
        end = piece.find(b'"', begin + len(CAUSE))
        if begin >= 0 and end >= 0:
            self.arrivals.append((piece[begin + len(CAUSE) : end], now))


def measure(
    settings: Settings, events: Sequence[Event], readers: int, rate: float, folder: Path
) -> tuple[Streamed, Cost]:
    """A worker and a gateway of their own on the broker of `settings`; the worker's fallback makes the lists."""
    with running_gateway(GATEWAY, settings, folder, readers) as gateway:
        return asyncio.run(_measured(gateway, events, readers, rate))


@asynccontextmanager
async def open_streams(gateway: Gateway, n_readers: int) -> AsyncIterator[list[Reader]]:
    """So many readers, who read until it ends."""
    readers = [Reader() for _ in range(n_readers)]
    async with asyncio.TaskGroup() as streams:
        tasks = [streams.create_task(_read(reader, gateway.port)) for reader in readers]
        yield readers
        for task in tasks:
            task.cancel()


def streamed(readers: Sequence[Reader], flowed: Flow) -> Streamed:
    """What the readers of a flow got; at least one there must be."""
    received, purchases = sum(reader.received for reader in readers), len(flowed.sent)
    return Streamed(len(readers), purchases, received / (len(readers) * purchases), *late(_late_ms(readers, flowed)))


async def _measured(gateway: Gateway, events: Sequence[Event], n_readers: int, rate: float) -> tuple[Streamed, Cost]:
    idle = gateway.mib()
    async with open_streams(gateway, n_readers) as readers:
        await asyncio.sleep(SETTLE_S)
        with_readers = gateway.mib()
        flowed = await flow(gateway, events, rate)
        await asyncio.sleep(SETTLE_S)
        memory = Memory(idle, with_readers, gateway.mib())
    return streamed(readers, flowed), Cost(flowed.cpu, memory)


async def _read(reader: Reader, port: int) -> None:
    source, sink = await asyncio.open_connection(LOOPBACK, port)
    sink.write(REQUEST)
    try:
        while piece := await source.read(1 << 16):
            reader.take(piece)
    finally:
        sink.close()


def _late_ms(readers: Sequence[Reader], flowed: Flow) -> Iterator[float]:
    for reader in readers:
        for event_id, arrived in reader.arrivals:
            late_ms = flowed.late_ms(event_id, arrived)
            if late_ms is not None:
                yield late_ms
