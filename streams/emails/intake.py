"""What the topics say, into the state: one record after the other, each by what its topic is about.

A record that is not what the contract says is skipped with a warning. Warnings name the place of a record and never its
content, which may be an address.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from streams.contract import email_messages, messages, topics
from streams.contract.email_messages import EmailEvent, email_event_id
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Erasure, Purchase
from streams.contract.topics import Topic
from streams.emails.rules import Rules
from streams.emails.standing import (
    Standing,
    after_event,
    after_list,
    after_purchase,
    bought_because,
    pruned,
    without_event,
)
from streams.emails.state import Step

log = logging.getLogger(__name__)


OLDEST = datetime(1970, 1, 1, tzinfo=UTC)
"""Before every moment that a record can name."""


class Arrived(NamedTuple):
    """One record: of which topic, where it lies, when it was written, what it is. A value of None is a tombstone.

    `at` is None where the record does not tell. For each use that is the moment at which no erasure can be missed: an
    address was then given before every erasure, and an erasure is about all that was given before it is read.
    """

    topic: Topic
    partition: int
    offset: int
    at: datetime | None
    key: bytes
    value: bytes | None


class Intake:
    """Takes records in by the rules; `now` tells what is too old to have a bearing on anything."""

    def __init__(self, rules: Rules, now: Callable[[], datetime]) -> None:
        self._rules = rules
        self._now = now
        self._take: dict[str, Callable[[Step, Arrived], None]] = {
            topics.PURCHASES.name: self._event,
            topics.RECOMMENDATIONS.name: self._list,
            topics.CUSTOMERS.name: _customer,
            topics.ITEMS.name: _item,
            topics.EMAIL_EVENTS.name: self._email_event,
        }

    def take(self, step: Step, records: Iterable[Arrived]) -> None:
        """Have `step` contain what the records say, and that they were read."""
        for record in records:
            step.move_to(record.topic.name, record.partition, record.offset + 1)
            try:
                self._take[record.topic.name](step, record)
            except (msgspec.MsgspecError, InvalidEvent, UnicodeDecodeError, RecursionError):
                place = f"{record.topic.name}/{record.partition}/{record.offset}"
                log.warning("%s is not what the contract says and was skipped", place)

    def settle(self, step: Step) -> None:
        """Take back what links have said of customers of whom nothing is known, now that all has been read.

        The links of an email outlive an erasure, and whoever serves them cannot know of it: what is said by them comes
        after the erasure has taken back what was there. A living customer has a standing or a record of the shop's
        own, so an unsubscription counts also where its email is long forgotten. Only who has read everything can tell:
        where the state was lost, events are read before the lists that speak for their customers.
        """
        for user_id in step.doubted():
            if _is_stranger(step, user_id):
                step.forget(user_id, self._now())

    def _event(self, step: Step, record: Arrived) -> None:
        event = messages.decode_event(record.key, record.value, self._now())
        if isinstance(event, Erasure):
            step.forget(event.user_id, record.at or self._now())
        elif isinstance(event, Purchase) and event.occurred_at >= self._oldest():
            self._purchase(step, event)

    def _purchase(self, step: Step, purchase: Purchase) -> None:
        standing = step.standing(purchase.user_id)
        for decision, lines in bought_because(standing, purchase, self._rules).items():
            step.tell(_purchased(purchase, decision, lines))
        step.keep(purchase.user_id, pruned(after_purchase(standing, purchase), self._rules, self._now()))

    def _list(self, step: Step, record: Arrived) -> None:
        """A tombstone: the worker has forgotten the customer. A list that was still on its way came before it."""
        if record.value is None:
            step.forget(record.key.decode(), record.at or self._now())
            return
        made = messages.recommendation_list.decode(record.value)
        messages.check_id_key(record.key, made.user_id, "user_id")
        if made.as_of >= self._oldest():
            step.keep(made.user_id, after_list(step.standing(made.user_id), made, self._rules))

    def _email_event(self, step: Step, record: Arrived) -> None:
        step.is_on_topic(record.key, there=record.value is not None)
        if record.value is None:
            user_id, event_id = msgspec.json.decode(record.key, type=tuple[str, str])
            step.keep(user_id, without_event(step.standing(user_id), event_id))
            return
        event = email_messages.email_event.decode(record.value)
        if event.kind in {"clicked", "unsubscribed"} and _is_stranger(step, event.user_id):
            step.doubt(event.user_id)
        step.keep(event.user_id, pruned(after_event(step.standing(event.user_id), event), self._rules, self._now()))

    def _oldest(self) -> datetime:
        return self._now() - self._rules.remembered


def _is_stranger(step: Step, user_id: str) -> bool:
    """Whether nothing is known of a customer but that links were followed."""
    standing = replace(step.standing(user_id), unsubscribed="")
    return standing == Standing() and step.customer(user_id) is None


def _customer(step: Step, record: Arrived) -> None:
    customer = None if record.value is None else email_messages.customer.decode(record.value)
    if customer is not None:
        messages.check_id_key(record.key, customer.user_id, "user_id")
    step.keep_customer(record.key.decode(), customer, record.at or OLDEST)


def _item(step: Step, record: Arrived) -> None:
    step.keep_item(record.key.decode(), None if record.value is None else messages.keyed_item(record.key, record.value))


def _purchased(purchase: Purchase, decision: str, lines: Iterable[int]) -> EmailEvent:
    bought = [purchase.items[number] for number in lines]
    return EmailEvent(
        email_event_id(decision, "purchased", purchase.event_id),
        purchase.user_id,
        decision,
        "purchased",
        purchase.occurred_at,
        [line.item_id for line in bought],
        value=round(sum(line.quantity * (line.price or 0.0) for line in bought), 6),
    )
