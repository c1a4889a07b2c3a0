"""What is known of one customer, and how it changes with what happens: pure.

The standing of a customer is one record of the state. It is a function of the records on the topics and of what was
sent; a record that is read twice changes nothing the second time.
"""

import hashlib
from collections.abc import Iterable
from datetime import datetime

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from streams.contract.email_messages import EmailEvent, EmailEventKind, email_event_id
from streams.contract.messages import Purchase, RecommendationList
from streams.emails.rules import Rules

LISTS_REMEMBERED = 16
"""How many lists back a repeat of one customer is recognised."""


class Candidate(Struct, frozen=True, array_like=True):
    """A product that is new on a customer's list. `because` names what the customer bought that speaks for it."""

    item_id: str
    rank: int
    score: float
    because: tuple[str, ...] = ()


class Waiting(Struct, frozen=True, array_like=True):
    """Changes for the better that wait for their email: when the first and the newest of them came about, and by
    which list the newest."""

    list_id: str
    first_at: datetime
    newest_at: datetime
    candidates: tuple[Candidate, ...]


class Outgoing(Struct, frozen=True, array_like=True):
    """An email that was decided on and is not yet with the SMTP server.

    `is_unknown`: the connection was lost when the whole email had gone out, so the server may have taken it.
    `is_ending`: its end is going out just now; where a crash leaves it so, it has.
    """

    decision_id: str
    valid_until: datetime
    candidates: tuple[Candidate, ...]
    next_try: datetime
    attempts: int = 0
    is_unknown: bool = False
    failure: str = ""
    is_ending: bool = False


class Decided(Struct, frozen=True, array_like=True):
    """A decision of the past. `withheld`: the customer is in the control group and got no email."""

    decision_id: str
    at: datetime
    items: tuple[str, ...]
    withheld: bool = False


class Standing(Struct, frozen=True, array_like=True):
    """One customer. `look_at` is when there may be something to decide or to send; `unsubscribed` names the event."""

    lists: tuple[str, ...] = ()
    bought: dict[str, datetime] = {}
    purchased_at: datetime | None = None
    waiting: Waiting | None = None
    outgoing: Outgoing | None = None
    decided: tuple[Decided, ...] = ()
    unsubscribed: str = ""
    look_at: datetime | None = None


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Standing).decode


def decision_id(user_id: str, list_id: str) -> str:
    """The same for every attempt at the email about this list; its Message-ID is made of it."""
    return hashlib.blake2b(msgspec.json.encode((user_id, list_id)), digest_size=16).hexdigest()


def after_list(standing: Standing, made: RecommendationList, rules: Rules) -> Standing:
    """A list came: what is new on it joins what waits; what is no longer on it waits no longer."""
    if made.list_id in standing.lists or _was_decided(standing, decision_id(made.user_id, made.list_id)):
        return standing
    waiting = _merged(standing.waiting, made, rules)
    return replace(
        standing,
        lists=(*standing.lists, made.list_id)[-LISTS_REMEMBERED:],
        purchased_at=_later(standing.purchased_at, _active_at(made)),
        waiting=waiting,
        look_at=standing.look_at if waiting is None else _first_look(standing, waiting, rules),
    )


def after_purchase(standing: Standing, purchase: Purchase) -> Standing:
    """The customer bought something: it is not recommended for a while, nor is anything else just now."""
    at = purchase.occurred_at
    bought = standing.bought | {line.item_id: max(at, standing.bought.get(line.item_id, at)) for line in purchase.items}
    return replace(standing, bought=bought, purchased_at=_later(standing.purchased_at, at))


def after_event(standing: Standing, event: EmailEvent) -> Standing:
    """What was sent before this state was lost is known from the topic; so are those who unsubscribed."""
    if event.kind == "unsubscribed":
        return replace(standing, unsubscribed=event.event_id, waiting=None)
    counts = event.kind in {"sent", "withheld"} or (event.kind == "given-up" and event.is_unknown)
    if not counts or any(decided.decision_id == event.decision_id for decided in standing.decided):
        return standing
    waiting = standing.waiting
    if waiting is not None and decision_id(event.user_id, waiting.list_id) == event.decision_id:
        waiting = None
    decided = Decided(event.decision_id, event.at, tuple(event.items), withheld=event.kind == "withheld")
    return replace(standing, decided=in_order((*standing.decided, decided)), waiting=waiting)


def without_event(standing: Standing, event_id: str) -> Standing:
    """An event was taken back, as is done for an erased customer: it may have been read after the erasure."""
    return replace(
        standing,
        decided=tuple(decided for decided in standing.decided if event_id not in _ids_of(decided.decision_id)),
        unsubscribed="" if standing.unsubscribed == event_id else standing.unsubscribed,
    )


def _ids_of(decision: str) -> set[str]:
    kinds: tuple[EmailEventKind, ...] = ("sent", "withheld", "given-up")
    return {email_event_id(decision, kind) for kind in kinds}


def pruned(standing: Standing, rules: Rules, now: datetime) -> Standing:
    """Without what has no bearing on any decision any more."""
    since = now - rules.remembered
    return replace(
        standing,
        bought={item_id: at for item_id, at in standing.bought.items() if at >= since},
        decided=tuple(decided for decided in standing.decided if decided.at >= since),
    )


def bought_because(standing: Standing, purchase: Purchase, rules: Rules) -> dict[str, list[int]]:
    """Which lines of a purchase name a product that an email (or one that was withheld) had named before it, by
    decision. A product counts for the newest of them alone."""
    found: dict[str, list[int]] = {}
    for number, line in enumerate(purchase.items):
        for decided in reversed(standing.decided):
            if line.item_id in decided.items and decided.at <= purchase.occurred_at <= decided.at + rules.attribution:
                found.setdefault(decided.decision_id, []).append(number)
                break
    return found


def in_order(decided: Iterable[Decided]) -> tuple[Decided, ...]:
    return tuple(sorted(decided, key=lambda each: (each.at, each.decision_id)))


def _was_decided(standing: Standing, decision: str) -> bool:
    under_way = standing.outgoing is not None and standing.outgoing.decision_id == decision
    return under_way or any(decided.decision_id == decision for decided in standing.decided)


def _merged(waiting: Waiting | None, made: RecommendationList, rules: Rules) -> Waiting | None:
    before = {candidate.item_id for candidate in waiting.candidates} if waiting else set()
    gained = _gained(made, rules)
    candidates = tuple(
        Candidate(item.item_id, item.rank, item.score, tuple(item.because))
        for item in made.items
        if item.item_id in before | gained
    )
    if not candidates:
        return None
    if waiting is None:
        return Waiting(made.list_id, made.as_of, made.as_of, candidates)
    if not gained:
        return replace(waiting, candidates=candidates)
    return Waiting(made.list_id, waiting.first_at, max(waiting.newest_at, made.as_of), candidates)


def _gained(made: RecommendationList, rules: Rules) -> set[str]:
    """The products that are new on the list, and high enough on it."""
    if made.source == "fallback" and not rules.change.fallback:
        return set()
    high = {item.item_id for item in made.items if item.rank <= rules.change.rank and item.score >= rules.change.score}
    return high.intersection(made.entered)


def _active_at(made: RecommendationList) -> datetime | None:
    """When the customer last bought something, as far as the list tells."""
    return made.as_of if made.cause.type == "purchase" else made.active_at


def _first_look(standing: Standing, waiting: Waiting, rules: Rules) -> datetime:
    look_at = waiting.first_at + rules.merge
    return look_at if standing.look_at is None else min(look_at, standing.look_at)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
