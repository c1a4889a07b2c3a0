"""What a reader of topics has been given, told apart: records, ends of partitions, and what the broker complains of."""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import Message

from streams.contract.errors import BrokerUnavailable
from streams.contract.reading import is_end_of_partition
from streams.gateway.store import Place


class Arrivals(NamedTuple):
    """Of one look at the broker."""

    records: list[Message]
    """In the order of each partition."""
    ended: set[Place]
    """Partitions of which there is nothing more just now."""
    trouble: str
    """What went wrong last; "" where nothing did. The consumer goes on by itself when the broker is back."""


def told_apart(messages: Iterable[Message]) -> Arrivals:
    """The messages of a consumer that reports the ends of partitions."""
    records, ended, trouble = [], set(), ""
    for message in messages:
        try:
            if is_end_of_partition(message):
                ended.add(place_of(message))
            else:
                records.append(message)
        except BrokerUnavailable as error:
            trouble = str(error)
    return Arrivals(records, ended, trouble)


def place_of(message: Message) -> Place:
    return Place(message.topic() or "", message.partition() or 0)


def offset_of(message: Message) -> int:
    return message.offset() or 0
