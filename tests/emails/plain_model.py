"""The rules of emails told a second time, as plainly as possible: for one customer, tick after tick.

Nothing is shared with `streams.emails` but the rules' numbers and who is in the control group.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from streams.contract.messages import Purchase, RecommendationList


class Numbers(NamedTuple):
    """The rules that the month runs under."""

    rank: int = 5
    wait: timedelta = timedelta(hours=20)
    merge: timedelta = timedelta(hours=30)
    valid: timedelta = timedelta(hours=80)
    quiet_from: int = 21
    quiet_until: int = 8
    per_week: int = 1
    bought: timedelta = timedelta(hours=36)


class Person(NamedTuple):
    """What the shop says of a customer."""

    zone: str
    can_be_written_to: bool


class Expected(NamedTuple):
    """An email, or one that is withheld."""

    at: datetime
    items: frozenset[str]


class Mailbox:
    """What one customer should get. Facts are told in the order of time, then `tick` is called."""

    def __init__(self, numbers: Numbers, person: Person) -> None:
        self.numbers = numbers
        self.person = person
        self.expected: list[Expected] = []
        self.news: list[str] = []
        self.first: datetime | None = None
        self.newest: datetime | None = None
        self.has: dict[str, datetime] = {}
        self.last_purchase: datetime | None = None
        self.mails: list[datetime] = []

    def listed(self, made: RecommendationList) -> None:
        on_list = [item.item_id for item in made.items]
        high = {item.item_id for item in made.items if item.rank <= self.numbers.rank}
        new = [item_id for item_id in on_list if item_id in made.entered and item_id in high]
        if new:
            self.newest = made.as_of
            self.first = self.first or made.as_of
        self.news = [item_id for item_id in on_list if item_id in new or item_id in self.news]
        if not self.news:
            self.first = self.newest = None

    def bought(self, purchase: Purchase) -> None:
        self.last_purchase = purchase.occurred_at
        for line in purchase.items:
            self.has[line.item_id] = purchase.occurred_at

    def unsubscribed(self) -> None:
        self.person = self.person._replace(can_be_written_to=False)

    def erased(self) -> None:
        """Nothing is known any more, the address neither."""
        self.unsubscribed()
        self._forget()

    def tick(self, now: datetime, withdrawn: Iterable[str]) -> None:
        if self.first is None or self.newest is None:
            return
        if now >= self.newest + self.numbers.valid:
            self._drop()
        elif self._is_time(now):
            items = frozenset(self._left(now, set(withdrawn)))
            if items and self.person.can_be_written_to:
                self.expected.append(Expected(now, items))
                self.mails.append(now)
            self._drop()

    def _is_time(self, now: datetime) -> bool:
        numbers = self.numbers
        hour = now.astimezone(ZoneInfo(self.person.zone)).hour
        return (
            self.first is not None
            and now >= self.first + numbers.merge
            and (self.last_purchase is None or now >= self.last_purchase + numbers.wait)
            and numbers.quiet_until <= hour < numbers.quiet_from
            and sum(mail > now - timedelta(days=7) for mail in self.mails) < numbers.per_week
        )

    def _left(self, now: datetime, withdrawn: set[str]) -> Sequence[str]:
        lately = {item_id for item_id, at in self.has.items() if at >= now - self.numbers.bought}
        return [item_id for item_id in self.news if item_id not in lately | withdrawn]

    def _drop(self) -> None:
        self.news, self.first, self.newest = [], None, None

    def _forget(self) -> None:
        self._drop()
        self.has, self.last_purchase, self.mails = {}, None, []
