"""The page under visitors: many of them open, each with a customer who buys, while purchases flow.

A page is opened as a browser opens it: its HTML is fetched, and a socket.io connection is made as the client that the
HTML names. What is measured is when the new list of its customer is in the browser's hands.
"""

import asyncio
import re
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

import httpx
import numpy as np
import socketio

from deploy.bench.candidates import Candidate
from deploy.bench.figures import Cost, Memory, late
from deploy.bench.gateway_load import SETTLE_S, Flow, Gateway, flow, running_gateway
from deploy.bench.streaming import Streamed, open_streams, streamed
from deploy.settings import Settings
from streams.contract import messages
from streams.contract.messages import Cause, Event, Line, Purchase
from streams.page.address import PREFIX

PAGE = Candidate("nextup page", ("-m", "deploy", "page"))
OPENED_AT_ONCE = 8
OPEN_WITHIN_S = 120.0
ASKED_EVERY_S = 0.1
LIST_ID = re.compile(r'data-list="([0-9a-f]+)"')
CLIENT = re.compile(r"client_id.: ?.([0-9a-f-]{36})")


class Load(NamedTuple):
    """What the page has to bear."""

    pages: int
    readers: int
    """Streams of all lists beside them."""
    rate: float
    """Purchases per second."""
    seconds: int


class Watching(NamedTuple):
    """What was measured. Milliseconds from handing a purchase to the publisher until its list is on the page of its
    customer: a page is brought up to date twice a second, so that half a second is usual."""

    pages: int
    purchases: int
    shown: float
    """Share of purchases whose own list was on the page: one that is replaced before the next look is not."""
    p50: float
    p99: float
    slowest: float
    updates: float
    """Messages that a page got, per second."""
    asked_p50: float
    asked_p99: float
    """Milliseconds that the gateway took for the answer to a request at the same time."""
    cost: Cost
    streams: Streamed | None
    """What readers of the stream got who were there beside the pages; None where there were none."""


class OpenPage:
    """One visitor's browser: it takes what it is sent, and looks for lists in it."""

    def __init__(self, customer: str) -> None:
        self.customer = customer
        self.updates = 0
        self.arrivals: dict[str, float] = {}
        self._socket = socketio.AsyncClient(reconnection=False)
        self._socket.on("update", self._take)

    async def open(self, client: httpx.AsyncClient, url: str) -> None:
        found = CLIENT.search((await client.get(f"{url}{PREFIX}/?{urlencode({'customer': self.customer})}")).text)
        if found is None:
            raise RuntimeError("the page does not name its client: it is not served by the NiceGUI that is locked")
        query = {
            "client_id": found[1],
            "next_message_id": 0,
            "implicit_handshake": "true",
            "document_id": uuid.uuid4().hex,
            "tab_id": uuid.uuid4().hex,
        }
        await self._socket.connect(
            f"{url}?{urlencode(query)}", transports=["websocket"], socketio_path=f"{PREFIX}/_nicegui_ws/socket.io"
        )

    async def close(self) -> None:
        await self._socket.disconnect()

    def _take(self, update: dict[str, Any]) -> None:
        now = time.perf_counter()
        self.updates += 1
        for element in update.values():
            content = element.get("props", {}).get("innerHTML", "") if isinstance(element, dict) else ""
            for list_id in LIST_ID.findall(content):
                self.arrivals.setdefault(list_id, now)


def measure(settings: Settings, load: Load, folder: Path) -> Watching:
    """A worker and a page of their own on the broker of `settings`; the worker's fallback makes the lists."""
    with running_gateway(PAGE, settings, folder, load.readers) as gateway:
        return asyncio.run(_watched(gateway, load))


def purchases_of(n_pages: int, n: int) -> list[Event]:
    """The customers of all pages take turns."""
    at = datetime.now(UTC)
    return [
        Purchase(f"event-{number}", f"customer-{number % n_pages}", at, [Line(f"item-{number % 97}")])
        for number in range(n)
    ]


async def _watched(gateway: Gateway, load: Load) -> Watching:
    idle = gateway.mib()
    pages = [OpenPage(f"customer-{number}") for number in range(load.pages)]
    events = purchases_of(load.pages, int(load.rate * load.seconds))
    answers: list[float] = []
    async with httpx.AsyncClient(timeout=OPEN_WITHIN_S) as client, open_streams(gateway, load.readers) as readers:
        await _open_all(pages, client, gateway.url)
        await asyncio.sleep(SETTLE_S)
        with_pages, before = gateway.mib(), _updates(pages)
        asking = asyncio.create_task(_ask(client, gateway.url, answers))
        flowed = await flow(gateway, events, load.rate)
        updates = _updates(pages) - before
        asking.cancel()
        await asyncio.sleep(SETTLE_S)
        cost = Cost(flowed.cpu, Memory(idle, with_pages, gateway.mib()))
        await asyncio.gather(*(page.close() for page in pages))
    shown = late(_late_ms(pages, events, flowed))
    asked_p50, asked_p99 = np.percentile(answers, [50, 99])
    return Watching(
        pages=load.pages,
        purchases=len(events),
        shown=len({list_id for page in pages for list_id in page.arrivals}) / len(events),
        p50=shown.p50,
        p99=shown.p99,
        slowest=shown.slowest,
        updates=updates / flowed.took_s / load.pages,
        asked_p50=float(asked_p50),
        asked_p99=float(asked_p99),
        cost=cost,
        streams=streamed(readers, flowed) if readers else None,
    )


def _updates(pages: Sequence[OpenPage]) -> int:
    return sum(page.updates for page in pages)


async def _open_all(pages: Sequence[OpenPage], client: httpx.AsyncClient, url: str) -> None:
    gate = asyncio.Semaphore(OPENED_AT_ONCE)

    async def open_one(page: OpenPage) -> None:
        async with gate:
            await page.open(client, url)

    await asyncio.gather(*map(open_one, pages))


async def _ask(client: httpx.AsyncClient, url: str, answers: list[float]) -> None:
    """One request after the other, as those of other users of the gateway; how long each took, milliseconds."""
    while True:
        began = time.perf_counter()
        await client.get(f"{url}/v1/users/customer-0/recommendations")
        answers.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(ASKED_EVERY_S)


def _late_ms(pages: Sequence[OpenPage], events: Sequence[Event], flowed: Flow) -> Iterator[float]:
    """Of the purchases whose own list was shown: one that was replaced before the next look never is."""
    arrivals = {list_id: at for page in pages for list_id, at in page.arrivals.items()}
    for event in events:
        shown = arrivals.get(messages.list_id(event.user_id, Cause("purchase", event.event_id)))
        late_ms = None if shown is None else flowed.late_ms(event.event_id.encode(), shown)
        if late_ms is not None:
            yield late_ms
