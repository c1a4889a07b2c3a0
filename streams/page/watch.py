"""What all pages watch: told of each record as it comes, and asked for the whole a few times a second."""

import math
import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from confluent_kafka import Message

from serving.fallback import LEADERS
from streams.contract import messages, topics
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Item, ModelVersion, Purchase, RecommendationList, Return
from streams.page.catalogue import MOST_FOUND, Catalogue
from streams.page.dead_letters import DeadLetter, dead_letter
from streams.page.judging import Judge, Rate
from streams.page.tally import PerSecond, WaitingTimes, Waits

RECENT_CUSTOMERS = 6
LETTERS = 5
MOST_AWAITED = 20_000
_FOREIGN = (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError)
"""What a record raises that is not what its topic says: it is passed over."""


@dataclass(frozen=True)
class Board:
    """All of it at one moment. Series are of the last minute, oldest first."""

    purchases: list[int]
    lists: list[int]
    waits: list[Waits]
    overall: Waits
    rates: list[Rate]
    serving: ModelVersion | None
    recent: list[str]
    letters: list[DeadLetter]
    n_letters: int
    popular: list[Item]
    workers_told_at: datetime | None
    """When a worker last said that it is there."""


class Watch:
    """One for all pages. One thread tells, another asks; `clock` gives unix time in seconds."""

    def __init__(self, model_name: str, clock: Callable[[], float]) -> None:
        self._model_name = model_name
        self._clock = clock
        self._since_ms = math.inf
        self._lock = threading.Lock()
        self._judge = Judge(self.is_available)
        self._purchases = PerSecond()
        self._lists = PerSecond()
        self._waits = WaitingTimes()
        self._published_ms: OrderedDict[str, float] = OrderedDict()
        self._serving: ModelVersion | None = None
        self._recent: OrderedDict[str, None] = OrderedDict()
        self._letters: deque[DeadLetter] = deque(maxlen=LETTERS)
        self._n_letters = 0
        self._workers_told_at: datetime | None = None
        self.catalogue = Catalogue()
        self.shop_at: datetime | None = None
        """When the newest purchase happened, by the shop's own time."""
        self._take: dict[str, Callable[[Message], None]] = {
            topics.PURCHASES.name: self._published,
            topics.PURCHASE_LOG.name: self._accepted,
            topics.RECOMMENDATIONS.name: self._recommended,
            topics.OUTCOMES.name: self._became,
            topics.ITEMS.name: self._offered,
            topics.MODEL_VERSIONS.name: self._announced,
            topics.WORKER_STATES.name: self._worker_told,
            topics.DEAD_LETTERS.name: self._failed,
        }

    def begin(self) -> None:
        """What the topics held at the start has been read: what happens from now on is counted and timed."""
        with self._lock:
            self._since_ms = self._clock() * 1000

    def told(self, topic: str, record: Message) -> None:
        """A record of one of the topics, whose name comes without a prefix; a foreign one is passed over."""
        with self._lock:
            try:
                self._take[topic](record)
            except _FOREIGN:
                return

    def board(self) -> Board:
        now = self._clock()
        with self._lock:
            return Board(
                purchases=self._purchases.series(now),
                lists=self._lists.series(now),
                waits=self._waits.series(now),
                overall=self._waits.overall(now),
                rates=self._judge.rates(self._serving),
                serving=self._serving,
                recent=list(reversed(self._recent)),
                letters=list(reversed(self._letters)),
                n_letters=self._n_letters,
                popular=[self.catalogue.of(item_id) for item_id in self._judge.most_popular(MOST_FOUND)],
                workers_told_at=self._workers_told_at,
            )

    def search(self, text: str) -> list[Item]:
        """Products for sale that have these words in their names; what is bought most comes first."""
        with self._lock:
            return self.catalogue.search(text, self._judge.most_popular(LEADERS))

    def item(self, item_id: str) -> Item:
        return self.catalogue.of(item_id)

    def is_available(self, item_id: str) -> bool:
        return self.catalogue.is_available(item_id)

    def _published(self, record: Message) -> None:
        if record.timestamp()[1] < self._since_ms:
            return
        self._purchases.count(self._clock())
        event = messages.event_from_json(record.value() or b"")
        self._published_ms[event.event_id] = record.timestamp()[1]
        if len(self._published_ms) > MOST_AWAITED:
            self._published_ms.popitem(last=False)

    def _accepted(self, record: Message) -> None:
        event = messages.event_from_json(record.value() or b"")
        if not isinstance(event, Purchase | Return):
            return
        self.shop_at = max(event.occurred_at, self.shop_at or event.occurred_at)
        for line in event.items:
            self.catalogue.saw(line.item_id)
        if isinstance(event, Purchase):
            self._judge.bought(event)

    def _recommended(self, record: Message) -> None:
        if record.value() is None:
            self._recent.pop((record.key() or b"").decode(), None)
            return
        made = messages.recommendation_list.decode(record.value() or b"")
        self._recent.pop(made.user_id, None)
        self._recent[made.user_id] = None
        if len(self._recent) > RECENT_CUSTOMERS:
            self._recent.popitem(last=False)
        self._count(made, record)

    def _count(self, made: RecommendationList, record: Message) -> None:
        """Lists of before the beginning are nobody's news."""
        if record.timestamp()[1] < self._since_ms:
            return
        now = self._clock()
        self._lists.count(now)
        published_ms = self._published_ms.pop(made.cause.event_id, None)
        if published_ms is not None:
            self._waits.add(now, max(now * 1000 - published_ms, 0.0))

    def _became(self, record: Message) -> None:
        if record.value() is not None:
            self._judge.became(messages.outcome.decode(record.value() or b""))

    def _offered(self, record: Message) -> None:
        if record.value() is None:
            self.catalogue.remove((record.key() or b"").decode())
        else:
            self.catalogue.put(messages.item.decode(record.value() or b""))

    def _announced(self, record: Message) -> None:
        if record.key() == self._model_name.encode():
            value: Any = record.value()
            self._serving = messages.model_version.decode(value) if value else None

    def _worker_told(self, record: Message) -> None:
        if record.value() is not None:
            told_at = datetime.fromtimestamp(record.timestamp()[1] / 1000, UTC)
            self._workers_told_at = max(told_at, self._workers_told_at or told_at)

    def _failed(self, record: Message) -> None:
        self._letters.append(dead_letter(record))
        self._n_letters += 1
