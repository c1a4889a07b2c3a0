"""How often a purchase had been on the list before it: the serving version beside popularity and a challenger.

All are judged by the same purchases, but a canary, which answers customers of its own.
"""

from collections import OrderedDict, deque
from collections.abc import Callable
from itertools import islice
from typing import NamedTuple, TypeAlias, TypeVar

from serving.fallback import LEADERS, RecentPopularity
from streams.contract.messages import ModelVersion, Outcome, Purchase

T = TypeVar("T")

HALF_LIFE_DAYS = 14.0
NEWEST = 2_000
"""How many judged purchases the rates speak of."""
K = 5

Key: TypeAlias = tuple[str, str]
"""User and event."""


class Judged(NamedTuple):
    """One purchase for which a list stood. `version` made it, or the fallback (None)."""

    version: int | None
    hit: bool
    popular: bool
    shadow: int | None
    shadow_hit: bool


class Rate(NamedTuple):
    """Of so many purchases so many had been on the list."""

    name: str
    hits: int
    purchases: int

    @property
    def share(self) -> float | None:
        return self.hits / self.purchases if self.purchases else None


class Judge:
    """Told of each accepted purchase and of each outcome, in any order between the two topics."""

    def __init__(self, is_available: Callable[[str], bool]) -> None:
        self._is_available = is_available
        self._popularity = RecentPopularity(HALF_LIFE_DAYS)
        self._popular: OrderedDict[Key, bool] = OrderedDict()
        self._outcomes: OrderedDict[Key, Outcome] = OrderedDict()
        self._judged: deque[Judged] = deque(maxlen=NEWEST)

    def bought(self, purchase: Purchase) -> None:
        """Would the popular items of the moment before have been right? From now on these are more popular."""
        key = purchase.user_id, purchase.event_id
        popular = self.most_popular(K)
        _keep(self._popular, key, any(line.item_id in popular for line in purchase.items))
        for line in purchase.items:
            self._popularity.add(line.item_id, purchase.occurred_at.timestamp())
        self._pair(key)

    def became(self, outcome: Outcome) -> None:
        key = outcome.user_id, outcome.event_id
        _keep(self._outcomes, key, outcome)
        self._pair(key)

    def most_popular(self, n: int) -> list[str]:
        """The items that are bought most now, of those that are for sale."""
        ranked = (suggestion.item_id for suggestion in self._popularity.top(LEADERS))
        return list(islice((item_id for item_id in ranked if self._is_available(item_id)), n))

    def rates(self, serving: ModelVersion | None) -> list[Rate]:
        """What there is to compare now, the serving version first."""
        if serving is None:
            own = [one for one in self._judged if one.version is None]
            return [Rate("fallback", sum(one.hit for one in own), len(own)), _popularity(own)]
        own = [one for one in self._judged if one.version == serving.version]
        served = Rate(f"version {serving.version}", sum(one.hit for one in own), len(own))
        return [served, *self._challenger(serving), _popularity(own)]

    def _challenger(self, serving: ModelVersion) -> list[Rate]:
        if serving.challenger is None:
            return []
        tried = serving.challenger
        if tried.mode == "canary":
            hits = [one.hit for one in self._judged if one.version == tried.version]
        else:
            hits = [
                one.shadow_hit for one in self._judged if one.version == serving.version and one.shadow == tried.version
            ]
        return [Rate(f"version {tried.version}, {tried.mode}", sum(hits), len(hits))]

    def _pair(self, key: Key) -> None:
        if key not in self._popular or key not in self._outcomes:
            return
        popular, outcome = self._popular.pop(key), self._outcomes.pop(key)
        shadow = outcome.shadow
        self._judged.append(
            Judged(
                outcome.model.version if outcome.model else None,
                bool(outcome.hits),
                popular,
                shadow.model.version if shadow else None,
                bool(shadow and shadow.hits),
            )
        )


def _popularity(judged: list[Judged]) -> Rate:
    return Rate("popularity", sum(one.popular for one in judged), len(judged))


def _keep(waiting: OrderedDict[Key, T], key: Key, value: T) -> None:
    """A purchase before which no list stood has no outcome, and is forgotten in its turn."""
    waiting[key] = value
    if len(waiting) > NEWEST:
        waiting.popitem(last=False)
