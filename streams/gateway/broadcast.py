"""The lists that have just come, to everybody who listens, in bounded memory.

The topic reader's thread hands them over; from there on everything happens in the event loop. Each listener has
a queue of references to what all share. One whose queue is full has lost its place: it gets nothing more, and is
told so.
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import Message

from streams.clients.latest import decoded_list
from streams.contract.messages import RecommendationList
from streams.gateway import server_sent
from streams.gateway.positions import Position

REMEMBERED_USERS = 10_000
REMEMBERED_LISTS = 8
"""Of each of these users."""


class Arrival(NamedTuple):
    """A list that has come."""

    list: RecommendationList
    server_sent: bytes
    """As an event of a stream, whose id says where a reader stands who has got it."""


class FellBehind(Exception):
    """A listener took so long that its queue overflowed."""


class Listening:
    """One listener's queue."""

    def __init__(self, size: int, position: Position) -> None:
        self._size = size
        self._waiting: deque[Arrival] = deque()
        self._something = asyncio.Event()
        self._overflowed = False
        self.position = position
        """Where the listener came in."""

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, arrival: Arrival) -> None:
        self._something.set()
        if self._overflowed:
            return
        self._waiting.append(arrival)
        if len(self._waiting) > self._size:
            self._overflowed = True
            self._waiting.clear()

    async def next(self, most: int) -> list[Arrival]:
        """What waits, at least one and at most `most`; FellBehind where some of it was lost."""
        await self._something.wait()
        if self._overflowed:
            raise FellBehind
        taken = [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]
        if not self._waiting:
            self._something.clear()
        return taken


class Broadcast:
    """Hands what arrives to those who listen: to all lists, or to those of one user."""

    def __init__(self, queue_size: int) -> None:
        self._queue_size = queue_size
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listening: dict[str | None, set[Listening]] = {}
        self._position: Position | None = None
        self.recent = RecentLists()

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """The loop in which everybody listens."""
        self._loop = loop

    @property
    def has_begun(self) -> bool:
        return self._position is not None

    def begin(self, offsets: Position) -> None:
        """For any thread: what arrives from now on stands at these offsets or behind them."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin, offsets)

    def arrived(self, records: Sequence[Message]) -> None:
        """For any thread: hand these records to those who listen."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._deliver, records)

    @contextmanager
    def listening(self, user_id: str | None) -> Iterator[Listening]:
        """Hear of all lists that come until the end of the block, or of one user's."""
        listener = Listening(self._queue_size, dict(self._position or {}))
        self._listening.setdefault(user_id, set()).add(listener)
        try:
            yield listener
        finally:
            listeners = self._listening[user_id]
            listeners.discard(listener)
            if not listeners:
                del self._listening[user_id]

    def __len__(self) -> int:
        """How many listen."""
        return sum(map(len, self._listening.values()))

    def _begin(self, offsets: Position) -> None:
        self._position = offsets

    def _deliver(self, records: Sequence[Message]) -> None:
        if self._position is None:
            return
        for record in records:
            self._position[record.partition() or 0] = (record.offset() or 0) + 1
            made = decoded_list(record) if record.value() is not None else None
            if made is None:
                self.recent.forget((record.key() or b"").decode(errors="replace"))
            else:
                self.recent.add(made)
                self._hand_out(made, self._position)

    def _hand_out(self, made: RecommendationList, position: Position) -> None:
        """Written down once, however many listen, and not at all where nobody does."""
        listeners = [*self._listening.get(None, ()), *self._listening.get(made.user_id, ())]
        if listeners:
            arrival = Arrival(made, server_sent.list_event(made, position))
            for listener in listeners:
                listener.put(arrival)


class RecentLists:
    """The last few lists of the users who got one last: an answer about a purchase whose list has been replaced."""

    def __init__(self) -> None:
        self._of: dict[str, deque[RecommendationList]] = {}

    def add(self, made: RecommendationList) -> None:
        lists = self._of.pop(made.user_id, None) or deque(maxlen=REMEMBERED_LISTS)
        lists.append(made)
        # A dict keeps the order of insertion: its first key is the user who got a list longest ago.
        self._of[made.user_id] = lists
        if len(self._of) > REMEMBERED_USERS:
            del self._of[next(iter(self._of))]

    def forget(self, user_id: str) -> None:
        self._of.pop(user_id, None)

    def after(self, user_id: str, event_id: str) -> RecommendationList | None:
        """The list that this event made, as far as it is remembered."""
        return next((made for made in self._of.get(user_id, ()) if made.cause.event_id == event_id), None)
