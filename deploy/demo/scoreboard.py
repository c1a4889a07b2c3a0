"""What the demo counts while it replays: lists, latency, and whether the lists were right."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import numpy as np

from serving import fallback
from serving.fallback import LEADERS, RecentPopularity
from serving.suggestion import Suggestion
from streams.contract.messages import Event, Purchase, RecommendationList

HALF_LIFE_DAYS = 14.0
RATE_WINDOW_S = 5.0
NEWEST = 8
K = 5


class Latency(NamedTuple):
    """Milliseconds from the publish call to the list in a subscriber's hands; NaN before the first."""

    p50: float
    p99: float


class HitRate:
    """The share of purchases of which at least one item had been listed."""

    def __init__(self) -> None:
        self.hits = 0
        self.purchases = 0

    def count(self, hit: bool) -> None:
        self.hits += hit
        self.purchases += 1

    @property
    def share(self) -> float:
        return self.hits / self.purchases if self.purchases else float("nan")


class Scoreboard:
    """Told of every event before it is published and of every list when it is received, by two threads.

    Whether a purchase was on the list is judged by the list that stood for the user at the moment of
    the publish call, and the popularity list at that same moment is judged by the same purchases.
    Purchases of users for whom no list stands are counted apart. What is `withdrawn` is on neither list.

    Right after a new model's release most standing lists are still the fallback's, and whoever buys
    twice in a short time, and so meets the model's, buys differently. So `model_hit_rate` has a rule
    beside it that is judged by the very same purchases: the users' own favourites.
    """

    def __init__(self, withdrawn: Collection[str] = ()) -> None:
        self._lock = threading.Lock()
        self._standing: dict[str, RecommendationList] = {}
        self._published_at: dict[str, float] = {}
        self._popularity = RecentPopularity(HALF_LIFE_DAYS)
        self._orders: dict[str, list[list[str]]] = defaultdict(list)
        self._withdrawn = withdrawn
        self._list_times: deque[float] = deque()
        self._purchase_times: deque[float] = deque()
        self._latencies_ms: list[float] = []
        self.purchases = 0
        self.lists = 0
        self.dead_letters = 0
        self.without_list = 0
        self.hit_rate = HitRate()
        self.popularity_hit_rate = HitRate()
        self.model_hit_rate = HitRate()
        self.favourites_hit_rate = HitRate()
        self.newest: deque[tuple[RecommendationList, Event | None]] = deque(maxlen=NEWEST)
        self.first_list_at: float | None = None
        self.model_version: int | None = None
        self._replayed: dict[str, Event] = {}

    def learn(self, event: Event) -> None:
        """An event of the past: it makes items popular, and nothing is judged by it."""
        if isinstance(event, Purchase):
            self._orders[event.user_id].append([line.item_id for line in event.items])
            for line in event.items:
                self._popularity.add(line.item_id, event.occurred_at.timestamp())

    def publishing(self, event: Event) -> None:
        """An event of the replay is about to be published."""
        with self._lock:
            now = time.perf_counter()
            if isinstance(event, Purchase):
                self._judge(event)
                self.purchases += 1
                self._purchase_times.append(now)
            self._replayed[event.event_id] = event
            self._published_at[event.event_id] = time.perf_counter()
        self.learn(event)

    def received(self, recommended: RecommendationList) -> None:
        """A list has arrived."""
        now = time.perf_counter()
        with self._lock:
            self._standing[recommended.user_id] = recommended
            published_at = self._published_at.pop(recommended.cause.event_id, None)
            if published_at is None:
                return
            self._latencies_ms.append((now - published_at) * 1000)
            self._list_times.append(now)
            self.lists += 1
            self.first_list_at = self.first_list_at or time.time()
            if recommended.model:
                self.model_version = recommended.model.version
            self.newest.appendleft((recommended, self._replayed.pop(recommended.cause.event_id, None)))

    @property
    def awaited(self) -> int:
        """Events of the replay whose list has not come yet."""
        with self._lock:
            return len(self._published_at)

    @property
    def users_with_list(self) -> int:
        with self._lock:
            return len(self._standing)

    def latency(self) -> Latency:
        with self._lock:
            sample = np.array(self._latencies_ms or [np.nan])
        p50, p99 = np.percentile(sample, [50, 99])
        return Latency(float(p50), float(p99))

    def rates(self) -> tuple[float, float]:
        """Purchases and lists per second, over the last seconds."""
        with self._lock:
            return _rate(self._purchase_times), _rate(self._list_times)

    def _judge(self, purchase: Purchase) -> None:
        standing = self._standing.get(purchase.user_id)
        if standing is None:
            self.without_list += 1
            return
        bought = {line.item_id for line in purchase.items}
        hit = _hits([item.item_id for item in standing.items[:K]], bought)
        self.hit_rate.count(hit)
        self.popularity_hit_rate.count(_hits(self._best(self._popularity.top(LEADERS)), bought))
        if standing.source == "model":
            favourites = fallback.suggest(self._orders[purchase.user_id], self._popularity, LEADERS)
            self.model_hit_rate.count(hit)
            self.favourites_hit_rate.count(_hits(self._best(favourites), bought))

    def _best(self, suggestions: Iterable[Suggestion]) -> list[str]:
        available = (s.item_id for s in suggestions if s.item_id not in self._withdrawn)
        return list(islice(available, K))


def _hits(listed: Sequence[str], bought: set[str]) -> bool:
    return not bought.isdisjoint(listed)


def _rate(times: deque[float]) -> float:
    """Also drops what lies before the window."""
    start = time.perf_counter() - RATE_WINDOW_S
    while times and times[0] < start:
        times.popleft()
    return len(times) / RATE_WINDOW_S
