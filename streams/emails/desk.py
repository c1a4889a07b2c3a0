"""Where it is decided what goes out, and noted what became of it: every change of mind is one write to the state.

An email's way, and what a crash leaves at each place of it:

1. `due` decides, and writes the decision: whatever happens now, this change has this one decision.
2. The email is handed over as far as its last line. A server that loses the connection here must forget it
   (RFC 5321, 4.1.1.4), so a crash costs nothing: the email is handed over again.
3. `handing_over` asks once more whether it is to go out, since the server may have taken its time and much may have
   happened: what would be decided otherwise by now is not handed over, and is looked at again. Else it writes that
   the end of the email is about to go out.
4. The end goes out, in the next instruction but a few, and the server says yes.
5. `sent` writes that, and the event that tells it.

A crash between 3 and 5 leaves an email of which nobody on this side can know whether the server has taken it; no
server can be asked (RFC 1047 tells of it). But the end is with the system's kernel microseconds after 3, and a crash of
this process does not hold it back: so it is assumed to be taken, unless `if_unknown` chooses otherwise. "resend"
may send it twice, with the same Message-ID; "give-up" puts it on the list of those given up. Where it is the
connection that is lost between 4 and 5, the server is in trouble, and gets the email again.

What is written at 3 is with the kernel, not yet on the disk: it outlives this process, not the machine's power. After
a loss of power an email may be sent twice.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from msgspec.structs import replace

from streams.contract.email_messages import Customer, EmailEvent, EmailEventKind, email_event_id
from streams.emails.decision import Known, Later, Never, Send, Verdict, Withhold, decide, decide_again, try_again_at
from streams.emails.errors import HandoverFailed
from streams.emails.rules import Rules
from streams.emails.settings import EmailSettings
from streams.emails.standing import Decided, Outgoing, Standing, in_order
from streams.emails.state import State, Step

log = logging.getLogger(__name__)

AT_ONCE = 256
"""Most customers who are decided about in one step."""


class Parcel(NamedTuple):
    """An email that is to be handed over now."""

    user_id: str
    customer: Customer
    outgoing: Outgoing
    titles: dict[str, str]


class Desk:
    """Decides by the rules at the moment that `now` tells. Used by one thread."""

    def __init__(self, state: State, rules: Rules, settings: EmailSettings, now: Callable[[], datetime]) -> None:
        self._state = state
        self._rules = rules
        self._settings = settings
        self._now = now
        self._in_hand: set[str] = set()

    def due(self, room: int) -> list[Parcel]:
        """Decide about customers who are due; at most `room` emails, each in hand until told what became of it."""
        now, step = self._now(), self._state.step()
        parcels: list[Parcel] = []
        for user_id in self._state.due(now, AT_ONCE + len(self._in_hand)) if room else ():
            if user_id in self._in_hand:
                continue
            outgoing, customer = self._look(step, user_id, now), step.customer(user_id)
            if outgoing is not None and customer is not None:
                parcels.append(Parcel(user_id, customer, outgoing, _titles(step, outgoing)))
            if len(parcels) == room:
                break
        step.write()
        self._in_hand.update(parcel.user_id for parcel in parcels)
        return parcels

    def is_idle(self) -> bool:
        """Whether nothing is in hand and nobody is due."""
        return not self._in_hand and not self._state.due(self._now(), 1)

    def handing_over(self, parcel: Parcel) -> bool:
        """Note that the end of the email is about to go out; False where it must not any more."""
        step = self._state.step()
        standing = step.standing(parcel.user_id)
        if not self._still(step, parcel):
            self._in_hand.discard(parcel.user_id)
            return False
        step.keep(parcel.user_id, replace(standing, outgoing=replace(parcel.outgoing, is_ending=True)))
        step.write()
        return True

    def sent(self, parcel: Parcel) -> None:
        """The server has taken it."""
        self._in_hand.discard(parcel.user_id)
        step = self._state.step()
        if _is_of(step.standing(parcel.user_id), parcel):
            self._done(step, parcel.user_id, self._as_decided(parcel.outgoing))
            step.tell(_event("sent", parcel.user_id, parcel.outgoing, self._now()))
            step.write()

    def failed(self, parcel: Parcel, failure: HandoverFailed) -> None:
        """The server has not taken it: again later, or not at all."""
        self._in_hand.discard(parcel.user_id)
        step = self._state.step()
        standing = step.standing(parcel.user_id)
        if not _is_of(standing, parcel):
            return
        outgoing = replace(
            parcel.outgoing,
            attempts=parcel.outgoing.attempts + 1,
            is_unknown=parcel.outgoing.is_unknown or failure.is_unknown,
            failure=str(failure),
        )
        if failure.is_final:
            self._give_up(step, parcel.user_id, outgoing, str(failure))
        else:
            first, longest = (timedelta(seconds=s) for s in self._settings.retry_s)
            next_try = try_again_at(outgoing.decision_id, outgoing.attempts, self._now(), first, longest)
            outgoing = replace(outgoing, next_try=next_try)
            step.keep(parcel.user_id, replace(standing, outgoing=outgoing, look_at=next_try))
        step.write()

    def verdict(self, step: Step, user_id: str, now: datetime) -> Verdict:
        """What is decided about a customer; nothing is changed by asking."""
        standing = step.standing(user_id)
        known = Known(step.customer(user_id), lambda item_id: step.item(item_id).available)
        if standing.outgoing is None:
            return decide(user_id, standing, known, self._rules, now)
        return decide_again(standing, known, self._rules, now)

    def _look(self, step: Step, user_id: str, now: datetime) -> Outgoing | None:
        """Decide about one customer, and note it; the email that is to go out now."""
        if self._was_ending(step, user_id):
            return None
        standing = step.standing(user_id)
        match self.verdict(step, user_id, now):
            case Send(outgoing):
                waiting = standing.waiting if standing.outgoing else None
                step.keep(user_id, replace(standing, waiting=waiting, outgoing=outgoing, look_at=now))
                return outgoing
            case Later(at, _):
                step.keep(user_id, replace(standing, look_at=at))
            case Withhold(decided):
                step.keep(user_id, replace(standing, waiting=None))
                self._done(step, user_id, decided)
                step.tell(_withheld(user_id, decided))
            case Never(reason, has_failed) if standing.outgoing:
                (self._give_up if has_failed else self._withdraw)(step, user_id, standing.outgoing, reason)
            case Never():
                step.keep(user_id, replace(standing, waiting=None, look_at=None))
        return None

    def _still(self, step: Step, parcel: Parcel) -> bool:
        """Whether the very same email to the same address would be decided on now."""
        if not _is_of(step.standing(parcel.user_id), parcel) or step.customer(parcel.user_id) != parcel.customer:
            return False
        match self.verdict(step, parcel.user_id, self._now()):
            case Send(outgoing):
                return outgoing.candidates == parcel.outgoing.candidates
        return False

    def _was_ending(self, step: Step, user_id: str) -> bool:
        """Whether a crash came between the email's end and the server's answer, and that is settled now."""
        standing = step.standing(user_id)
        outgoing = standing.outgoing
        if outgoing is None or not outgoing.is_ending:
            return False
        log.warning("email %s had gone out when the process ended: %s", outgoing.decision_id, self._settings.if_unknown)
        outgoing = replace(outgoing, is_ending=False, is_unknown=True)
        if self._settings.if_unknown == "assume-taken":
            self._done(step, user_id, self._as_decided(outgoing))
            step.tell(_event("sent", user_id, outgoing, self._now()))
        elif self._settings.if_unknown == "give-up":
            self._give_up(step, user_id, outgoing, "nobody knows whether the server has taken it")
        else:
            step.keep(user_id, replace(standing, outgoing=outgoing))
            return False
        return True

    def _done(self, step: Step, user_id: str, decided: Decided | None) -> None:
        """Nothing is on its way to this customer any more; what waits is looked at when its time comes."""
        standing = step.standing(user_id)
        look_at = standing.waiting.first_at + self._rules.merge if standing.waiting else None
        so_far = standing.decided if decided is None else in_order((*standing.decided, decided))
        step.keep(user_id, replace(standing, outgoing=None, decided=so_far, look_at=look_at))

    def _give_up(self, step: Step, user_id: str, outgoing: Outgoing, reason: str) -> None:
        """What may have arrived counts as sent wherever emails are counted."""
        log.warning("email %s is given up: %s", outgoing.decision_id, reason)
        self._done(step, user_id, self._as_decided(outgoing) if outgoing.is_unknown else None)
        event = _event("given-up", user_id, outgoing, self._now(), reason)
        step.tell(event)
        step.bury(event)

    def _withdraw(self, step: Step, user_id: str, outgoing: Outgoing, reason: str) -> None:
        """Nobody wants it any more, and nobody has failed: nothing is told, as of a change that was never decided on.

        But what may have arrived must be known again where the state is lost, so that is told as given up.
        """
        log.info("email %s is withdrawn: %s", outgoing.decision_id, reason)
        self._done(step, user_id, self._as_decided(outgoing) if outgoing.is_unknown else None)
        if outgoing.is_unknown:
            step.tell(_event("given-up", user_id, outgoing, self._now(), reason))

    def _as_decided(self, outgoing: Outgoing) -> Decided:
        return Decided(outgoing.decision_id, self._now(), tuple(c.item_id for c in outgoing.candidates))


def _is_of(standing: Standing, parcel: Parcel) -> bool:
    """Whether the customer's standing still has this email; not where the customer was erased meanwhile."""
    return standing.outgoing is not None and standing.outgoing.decision_id == parcel.outgoing.decision_id


def _titles(step: Step, outgoing: Outgoing) -> dict[str, str]:
    """What the email calls the products; by their id where the shop has no title for them."""
    named = {c.item_id for c in outgoing.candidates} | {id_ for c in outgoing.candidates for id_ in c.because}
    return {item_id: step.item(item_id).title or item_id for item_id in named}


def _event(kind: EmailEventKind, user_id: str, outgoing: Outgoing, at: datetime, reason: str = "") -> EmailEvent:
    decision, items = outgoing.decision_id, [candidate.item_id for candidate in outgoing.candidates]
    event_id = email_event_id(decision, kind)
    return EmailEvent(event_id, user_id, decision, kind, at, items, reason=reason, is_unknown=outgoing.is_unknown)


def _withheld(user_id: str, decided: Decided) -> EmailEvent:
    event_id = email_event_id(decided.decision_id, "withheld")
    return EmailEvent(event_id, user_id, decided.decision_id, "withheld", decided.at, list(decided.items))
