"""What happened to emails, onto the topics: published from the state, and kept there until the broker has it."""

import logging
import time
from typing import NamedTuple

from streams.clients.delivery import Delivery, RecordSender
from streams.contract import email_messages, messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import ContractError, Undelivered
from streams.emails.state import State, Untold

log = logging.getLogger(__name__)

AT_ONCE = 1_000
TIMEOUT_S = 30.0
CLOSE_S = 6.0
"""So long a stop waits for the brokers to have everything."""


class _Way(NamedTuple):
    """A record that was sent, and what will be known of its arrival."""

    record: Untold
    delivery: Delivery


class Teller:
    """Publishes what the state has to tell. What is published again after a crash has the same key and value."""

    def __init__(self, connection: KafkaConnection, state: State) -> None:
        """Raises BrokerUnavailable or TopicMismatch where there is nothing to publish to."""
        self._state = state
        self._on_the_way: dict[tuple[str, bytes], _Way] = {}
        self._senders = {
            topic.name: RecordSender(connection, topic.name, TIMEOUT_S, TIMEOUT_S)
            for topic in (topics.EMAIL_EVENTS, topics.CUSTOMERS, topics.DEAD_LETTERS)
        }

    def tell(self) -> bool:
        """Send what is to be told, and note what has arrived; whether there was anything. Waits for nothing."""
        arrived = self._note()
        new = [record for record in self._state.untold(AT_ONCE) if _place(record) not in self._on_the_way]
        for record in new:
            key, headers = _dead_letter(record) if record.topic is topics.DEAD_LETTERS else (record.key, {})
            delivery = self._senders[record.topic.name].try_send("an email event", key, record.value, headers)
            if delivery is not None:
                self._on_the_way[_place(record)] = _Way(record, delivery)
        return bool(arrived or new)

    def is_idle(self) -> bool:
        """Whether there is nothing to tell that the broker does not have."""
        return not self._on_the_way and not self._state.untold(1)

    def close(self) -> None:
        """What has not arrived stays in the state, and is sent again by the next start."""
        deadline = time.monotonic() + CLOSE_S
        for sender in self._senders.values():
            try:
                sender.close(max(0.1, deadline - time.monotonic()))
            except Undelivered as error:
                log.warning("%s", error)
        self._note()

    def _note(self) -> int:
        """Note what has arrived since the last time; how many records that are."""
        done = {place: way for place, way in self._on_the_way.items() if way.delivery.done()}
        if not done:
            return 0
        step = self._state.step()
        for place, (record, delivery) in done.items():
            del self._on_the_way[place]
            try:
                delivery.result()
                step.told(record)
            except ContractError as error:
                log.warning("%s; it is sent again", error)
        step.write()
        return len(done)


def _place(record: Untold) -> tuple[str, bytes]:
    return record.topic.name, record.key


def _dead_letter(record: Untold) -> tuple[bytes, dict[str, bytes]]:
    """The key and the headers by which an email that was given up stands among what else could not be processed."""
    event = email_messages.email_event.decode(record.value or b"")
    headers = {
        "error.class": b"email-given-up",
        "error.type": b"HandoverFailed",
        "error.text": event.reason.encode(),
        "source.topic": topics.RECOMMENDATIONS.name.encode(),
    }
    return messages.user_key(event.user_id), headers
