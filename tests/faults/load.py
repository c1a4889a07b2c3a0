"""Seeded loads: what a shop might send, and what it should not."""

import itertools
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from streams.contract import messages
from streams.contract.messages import Deed, Erasure, Line, Purchase, Return
from tests.small_model import ITEM_IDS

START = datetime(2011, 1, 1, tzinfo=UTC)


class Mix(NamedTuple):
    """How a load is made up; shares are of all records. Users follow Zipf's law."""

    users: int = 2_000
    returns: float = 0.03
    late: float = 0.03
    repeats: float = 0.0
    erasures: float = 0.0
    poison: float = 0.0
    hot: float = 0.0
    """Share of one user on top of the others."""
    skew_s: float = 0.0
    """By how much the clocks that stamp the events disagree."""


class Sent(NamedTuple):
    key: bytes | None
    value: bytes | None


class Load:
    """An endless, seeded stream of events, whose ids are numbered from `first`."""

    def __init__(self, seed: int, mix: Mix = Mix(), first: int = 0) -> None:  # noqa: B008 - immutable
        self._rng = random.Random(seed)
        self._mix = mix
        self._numbers = itertools.count(first)
        self._cumulative = list(itertools.accumulate(1 / rank for rank in range(1, mix.users + 1)))
        self._past: dict[str, list[Deed]] = {}

    def events(self, count: int) -> Iterator[Deed]:
        """Valid events."""
        for _ in range(count):
            yield self._event()

    def records(self, count: int) -> Iterator[Sent]:
        """Valid events and poison, as records of `purchases`."""
        for _ in range(count):
            sent = as_record(self._event())
            yield _poisoned(sent, self._rng.randrange(10)) if self._chance(self._mix.poison) else sent

    def _event(self) -> Deed:
        user_id = self._user()
        past = self._past.setdefault(user_id, [])
        if past and self._chance(self._mix.repeats):
            return self._rng.choice(past)
        number = next(self._numbers)
        if self._chance(self._mix.erasures):
            return Erasure(f"x{number}", user_id, self._moment(number))
        returning = past and self._chance(self._mix.returns)
        event = self._return(f"r{number}", user_id, past, number) if returning else self._purchase(user_id, number)
        past.append(event)
        return event

    def _purchase(self, user_id: str, number: int) -> Purchase:
        lines = [Line(item_id, self._rng.randint(1, 3)) for item_id in self._rng.choices(ITEM_IDS, k=self._n_lines())]
        return Purchase(f"e{number}", user_id, self._moment(number), lines)

    def _return(self, event_id: str, user_id: str, past: list[Deed], number: int) -> Return:
        bought = self._rng.choice(past)
        lines = [] if isinstance(bought, Erasure) else bought.items
        item_id = self._rng.choice(lines).item_id if lines and self._chance(0.8) else self._rng.choice(ITEM_IDS)
        named = bought.event_id if self._chance(0.5) else None
        return Return(event_id, user_id, self._moment(number), [Line(item_id, self._rng.randint(1, 4))], named)

    def _moment(self, number: int) -> datetime:
        """About a second after the event before; late ones up to 30 days earlier. Some share an instant."""
        at = START + timedelta(seconds=number - number % 3)
        if self._chance(self._mix.late):
            at -= timedelta(seconds=self._rng.randint(1, 30 * 86_400))
        return at + timedelta(milliseconds=round(self._rng.uniform(-1, 1) * self._mix.skew_s * 1000))

    def _user(self) -> str:
        if self._chance(self._mix.hot):
            return "hot"
        return f"u{self._rng.choices(range(self._mix.users), cum_weights=self._cumulative)[0]}"

    def _n_lines(self) -> int:
        return self._rng.choice((1, 1, 2, 3))

    def _chance(self, share: float) -> bool:
        return self._rng.random() < share


def as_record(event: Deed) -> Sent:
    return Sent(messages.user_key(event.user_id), messages.encode(event))


def _poisoned(sent: Sent, kind: int) -> Sent:
    """A good record made bad, each kind in its own way."""
    key, value = sent.key, sent.value or b""
    kinds = (
        Sent(key, value[:-1]),
        Sent(key, b""),
        Sent(key, None),
        Sent(None, value),
        Sent(b"somebody else", value),
        Sent(key, value.replace(b'"event_id"', b'"event"')),
        Sent(key, b'{"type":"gift"' + value[value.index(b",") :]),
        Sent(key, value.replace(b"2011-", b"2111-").replace(b"2010-", b"2110-")),
        Sent(key, b"\xff\xfe" * 50),
        Sent(key, b"[" * 500),
    )
    return kinds[kind % len(kinds)]
