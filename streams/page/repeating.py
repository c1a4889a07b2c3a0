"""Work that is done again and again in the event loop, whatever goes wrong with it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

log = logging.getLogger(__name__)

AGAIN_S = 10.0
"""What has failed is done again after so long: its traceback is told each time."""


class Repeating:
    """Does `work` every so many seconds, and at most half of the time. Belongs to the event loop."""

    def __init__(self, work: Callable[[], Awaitable[None]], every_s: float, again_s: float = AGAIN_S) -> None:
        self._work = work
        self._every_s = every_s
        self._again_s = again_s
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._begin(after_s=0.0)

    async def stop(self) -> None:
        """Whatever is being done is cut off."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def _begin(self, after_s: float) -> None:
        self._task = asyncio.create_task(self._repeat(after_s))
        self._task.add_done_callback(self._ended)

    async def _repeat(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        while True:
            began = perf_counter()
            await self._work()
            took = perf_counter() - began
            await asyncio.sleep(max(self._every_s - took, took))

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A fault of one moment, or of one page, ends neither the pages nor the gateway that they stand on."""
        if task.cancelled():
            return
        log.error("%s has failed; again in %g s", self._work.__qualname__, self._again_s, exc_info=task.exception())
        self._begin(self._again_s)
