"""What is the same on all pages is drawn once, a few times a second, and handed to each of them."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from fastapi.concurrency import run_in_threadpool

from streams.contract.messages import Item
from streams.gateway.errors import StoreUnavailable
from streams.gateway.services import Gateway
from streams.page import render
from streams.page.condition import condition
from streams.page.errors import OperationRefused
from streams.page.feed import Feed
from streams.page.repeating import Repeating
from streams.page.versions import Operations, Version
from streams.page.watch import Watch

log = logging.getLogger(__name__)

EVERY_S = 0.5
"""Every page is brought up to date so often, and less often where there are so many that it takes longer."""
TRITON_EVERY_S = 2.0
VERSIONS_EVERY_S = 5.0
MISSES = 2
"""So many times in a row the model must not answer: one may be a hiccup."""


@dataclass(frozen=True)
class Screen:
    """What all pages show at one moment, as HTML."""

    state: str
    notice: str
    flow: str
    latency: str
    rates: str
    letters: str
    versions: str
    recent: list[str] = field(default_factory=list)
    popular: list[Item] = field(default_factory=list)


class Page(Protocol):
    """One that is open in a browser."""

    async def show(self, screen: Screen) -> None:
        """Bring up to date what has changed."""


class Live:
    """All open pages, and what they have in common. Belongs to the event loop."""

    def __init__(self, gateway: Gateway, watch: Watch, feed: Feed, operations: Operations, model_name: str) -> None:
        self._gateway = gateway
        self._feed = feed
        self._operations = operations
        self._model_name = model_name
        self._versions: list[Version] = []
        self._told = ""
        self._fault = ""
        self._is_busy = False
        self._misses = 0
        self._repeated = (
            Repeating(self._update, EVERY_S),
            Repeating(self._ask_triton, TRITON_EVERY_S),
            Repeating(self._look_at_versions, VERSIONS_EVERY_S),
        )
        self.watch = watch
        self.pages: set[Page] = set()

    def start(self) -> None:
        self._feed.start()
        for each in self._repeated:
            each.start()

    async def stop(self) -> None:
        for each in self._repeated:
            await each.stop()
        await run_in_threadpool(self._feed.stop)

    async def promote(self, version: int) -> None:
        await self._operate(lambda: self._operations.promote(version))

    async def roll_back(self) -> None:
        await self._operate(self._operations.roll_back)

    async def challenge(self, version: int, share: float | None) -> None:
        await self._operate(lambda: self._operations.challenge(version, share))

    async def stop_challenge(self) -> None:
        await self._operate(self._operations.stop_challenge)

    def screen(self) -> Screen:
        board = self.watch.board()
        now = condition(
            board,
            datetime.now(UTC),
            has_begun=self._gateway.broadcast.has_begun,
            broker_is_away=self._feed.broker_is_away,
            model_answers=self._misses < MISSES,
        )
        return Screen(
            state=render.state(now),
            notice=render.notice(now),
            flow=render.flow(board),
            latency=render.latency(board),
            rates=render.rates(board),
            letters=render.letters(board),
            versions=render.versions(self._versions, self._told or self._fault, is_busy=self._is_busy),
            recent=board.recent,
            popular=board.popular,
        )

    async def _update(self) -> None:
        if not self.pages:
            return
        try:
            screen = self.screen()
            for page in list(self.pages):
                await page.show(screen)
                # Requests have their turn between two pages.
                await asyncio.sleep(0)
        except StoreUnavailable as error:
            log.warning("the pages could not be brought up to date: %s", error)

    async def _ask_triton(self) -> None:
        if not self.pages:
            return
        serving = self.watch.board().serving
        if serving is not None:
            answers = await self._gateway.triton.is_ready(self._model_name, serving.version)
            self._misses = 0 if answers else self._misses + 1

    async def _look_at_versions(self) -> None:
        if not self.pages:
            return
        try:
            self._versions, self._fault = await run_in_threadpool(self._operations.versions), ""
        except OperationRefused as refused:
            self._fault = str(refused)

    async def _operate(self, operation: Callable[[], str]) -> None:
        """One change at a time; what came of it is told on all pages."""
        if self._is_busy:
            return
        self._is_busy, self._told = True, ""
        try:
            self._told = await run_in_threadpool(operation)
        except OperationRefused as refused:
            self._told = str(refused)
        finally:
            self._is_busy = False
        await self._look_at_versions()
