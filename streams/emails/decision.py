"""Is this change worth an email, and when? Pure: what is known of the customer in, a verdict with its reason out.

A verdict is about a moment. Whoever asks again at a later moment, or after something has happened, may get another one;
`Later` says when that is worth while.
"""

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

import msgspec
from msgspec.structs import replace

from streams.contract.email_messages import Customer
from streams.emails.rules import WEEK, Rules
from streams.emails.standing import Candidate, Decided, Outgoing, Standing, decision_id
from streams.emails.zones import after_quiet_hours

IsAvailable: TypeAlias = Callable[[str], bool]

QUIET = "quiet hours"
TOO_LONG = "nobody looked at it in time"


class Send(NamedTuple):
    """Send this, now."""

    outgoing: Outgoing


class Withhold(NamedTuple):
    """It would be sent now, were the customer not in the control group."""

    decided: Decided


class Later(NamedTuple):
    """Nothing before `at`."""

    at: datetime
    reason: str


class Never(NamedTuple):
    """No email about this change. `has_failed`: one was decided on and is still wanted, but it is too late for it."""

    reason: str
    has_failed: bool = False


Verdict: TypeAlias = Send | Withhold | Later | Never


class Known(NamedTuple):
    """What the shop says of a customer (None: nothing) and of its products."""

    customer: Customer | None
    is_available: IsAvailable


def in_control(user_id: str, salt: str, share: float) -> bool:
    """Whether a customer is in the control group: always the same answer, and `share` of all customers get yes."""
    digest = hashlib.blake2b(msgspec.json.encode((salt, user_id)), digest_size=8).digest()
    return int.from_bytes(digest) < share * 2**64


def decide(user_id: str, standing: Standing, known: Known, rules: Rules, now: datetime) -> Verdict:
    """What becomes of the changes that wait for this customer: first whether it is time, then what is left of them."""
    waiting = standing.waiting
    if waiting is None:
        return Never("nothing new that is good enough")
    at, reason = _moment(standing, known.customer, rules, now)
    valid_until = waiting.newest_at + rules.validity
    if now >= valid_until:
        return Never(f"too late: {reason or TOO_LONG}")
    if at > now:
        return Later(min(at, valid_until), reason)
    candidates, refused = _wanted(waiting.candidates, standing, known, rules, now)
    if refused:
        return Never(refused)
    decision = decision_id(user_id, waiting.list_id)
    if in_control(user_id, rules.control.salt, rules.control.share):
        return Withhold(Decided(decision, now, tuple(c.item_id for c in candidates), withheld=True))
    return Send(Outgoing(decision, valid_until, candidates, now))


def decide_again(standing: Standing, known: Known, rules: Rules, now: datetime) -> Verdict:
    """What becomes of an email that was decided on, before each attempt to hand it over: much may have happened.

    Whether it is wanted at all is asked first: what nobody wants any more has not failed, however late it is.
    """
    outgoing = standing.outgoing
    if outgoing is None:
        return Never("nothing to be sent")
    candidates, refused = _wanted(outgoing.candidates, standing, known, rules, now)
    if refused:
        return Never(refused)
    if now >= outgoing.valid_until:
        return Never(f"too late: {outgoing.failure or TOO_LONG}", has_failed=True)
    at = _awake(max(now, outgoing.next_try), known.customer, rules)
    if at > now:
        return Later(min(at, outgoing.valid_until), outgoing.failure or QUIET)
    return Send(replace(outgoing, candidates=candidates))


def _wanted(
    candidates: Sequence[Candidate], standing: Standing, known: Known, rules: Rules, now: datetime
) -> tuple[tuple[Candidate, ...], str]:
    """The products that still make an email, and why there may be none to this customer."""
    customer = known.customer
    if customer is None or not customer.email:
        return (), "no address is known"
    if customer.unsubscribed or standing.unsubscribed:
        return (), "unsubscribed"
    wanted = still_wanted(candidates, standing, known.is_available, rules, now)
    return wanted, "" if wanted else "all of it was bought, or is not available"


def still_wanted(
    candidates: Sequence[Candidate], standing: Standing, is_available: IsAvailable, rules: Rules, now: datetime
) -> tuple[Candidate, ...]:
    """The products that the shop has and the customer has not bought lately."""
    since = now - rules.bought_lately
    return tuple(
        candidate
        for candidate in candidates
        if is_available(candidate.item_id) and not _bought_since(standing, candidate.item_id, since)
    )


def try_again_at(decision: str, attempts: int, now: datetime, first: timedelta, longest: timedelta) -> datetime:
    """When the attempt after `attempts` failed ones is due: twice as long each time, half to one and a half of it.

    The jitter is a function of the decision, so that a crash changes nothing, and differs between decisions, so
    that a server that comes back is not met by all at once.
    """
    digest = hashlib.blake2b(f"{decision} {attempts}".encode(), digest_size=8).digest()
    jitter = 0.5 + int.from_bytes(digest) / 2**64
    return now + min(first * (1 << min(attempts - 1, 30)), longest) * jitter


def _bought_since(standing: Standing, item_id: str, since: datetime) -> bool:
    bought_at = standing.bought.get(item_id)
    return bought_at is not None and bought_at >= since


def _moment(standing: Standing, customer: Customer | None, rules: Rules, now: datetime) -> tuple[datetime, str]:
    """The first moment from now on that no rule forbids, and which rule came last."""
    at, reason = now, ""
    for allowed, rule in _lower_bounds(standing, rules):
        if allowed > at:
            at, reason = allowed, rule
    awake = _awake(at, customer, rules)
    return (awake, QUIET) if awake > at else (at, reason)


def _lower_bounds(standing: Standing, rules: Rules) -> list[tuple[datetime, str]]:
    bounds = []
    if standing.waiting is not None:
        bounds.append((standing.waiting.first_at + rules.merge, "more changes may come"))
    if standing.purchased_at is not None:
        bounds.append((standing.purchased_at + rules.wait_after_purchase, "soon after a purchase"))
    if len(standing.decided) >= rules.limits.per_week:
        oldest = standing.decided[-rules.limits.per_week]
        bounds.append((oldest.at + WEEK, f"{rules.limits.per_week} in a week are enough"))
    return bounds


def _awake(at: datetime, customer: Customer | None, rules: Rules) -> datetime:
    zone = rules.zone_of(customer.zone if customer else "")
    return after_quiet_hours(at, zone, rules.timing.quiet_from, rules.timing.quiet_until)
