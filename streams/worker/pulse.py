"""The worker's vital signs, taken inside its event loop for those who watch from outside of it."""

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

BEAT_S = 0.25


class Agent(Protocol):
    """The part of the durable agent that can be watched."""

    is_running: bool
    events_done: int


class Vitals(NamedTuple):
    """How the worker was at one moment."""

    at: float
    """When, by time.monotonic()."""
    partitions: frozenset[int]
    """The partitions of the source that are this worker's."""
    recovered: bool
    """Whether the state of these partitions is complete."""
    records_restored: int
    """Moves while the state is read back from the changelogs; the number itself means nothing."""
    records_to_restore: int
    agent_runs: bool
    events_done: int


class Pulse:
    """Takes the vital signs as long as the event loop turns; `vitals` is None until it does.

    The loop alone reads Faust's state, and replaces `vitals` as a whole: other threads may look at any time.
    """

    def __init__(self) -> None:
        self.vitals: Vitals | None = None
        self.agent: Agent | None = None

    def start(self, loop: asyncio.AbstractEventLoop, take: Callable[[Agent | None, float], Vitals]) -> None:
        """Begin with the loop's first turn."""
        loop.call_soon(self._beat, loop, take)

    def _beat(self, loop: asyncio.AbstractEventLoop, take: Callable[[Agent | None, float], Vitals]) -> None:
        loop.call_later(BEAT_S, self._beat, loop, take)
        self.vitals = take(self.agent, time.monotonic())
