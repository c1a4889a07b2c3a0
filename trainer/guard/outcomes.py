"""Reads `recommendation-outcomes`, each record once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from confluent_kafka import Message

from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Outcome
from streams.contract.reading import assigned_consumer, available_span, partitions_of, read_spans
from streams.contract.topics import OUTCOMES


class Seen(NamedTuple):
    """An outcome, and when it was put on the topic."""

    outcome: Outcome
    at: datetime


class OutcomeReader:
    """Goes on where it stopped."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._topic = connection.topic_prefix + OUTCOMES.name
        self._consumer = assigned_consumer(connection, enable_partition_eof=True)
        self._next: dict[int, int] = {}

    def close(self) -> None:
        self._consumer.close()

    def from_the_beginning(self) -> None:
        self._next.clear()

    def new(self) -> Iterator[Seen]:
        """What has come since, up to the end as of now; tombstones and foreign records are passed over."""
        spans = [available_span(self._consumer, partition) for partition in partitions_of(self._consumer, self._topic)]
        unread = [span._replace(start=max(span.start, self._next.get(span.partition, 0))) for span in spans]
        for message in read_spans(self._consumer, unread):
            seen = seen_in(message)
            if seen:
                yield seen
        self._next = {span.partition: span.end for span in spans}


def seen_in(message: Message) -> Seen | None:
    """None where the record is no outcome."""
    try:
        outcome = messages.outcome.decode(message.value() or b"")
    except msgspec.MsgspecError:
        return None
    return Seen(outcome, datetime.fromtimestamp(message.timestamp()[1] / 1000, UTC))
