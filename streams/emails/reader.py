"""The topics that decisions depend on, read from the places that the state knows."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice

from confluent_kafka import OFFSET_BEGINNING, Message, TopicPartition

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.reading import (
    assigned_consumer,
    available_span,
    is_end_of_partition,
    partitions_of,
    read_spans,
    waiting_messages,
)
from streams.emails.intake import Arrived
from streams.emails.state import State

ORDER = (topics.ITEMS, topics.CUSTOMERS, topics.EMAIL_EVENTS, topics.PURCHASES, topics.RECOMMENDATIONS)
"""The topics that decisions depend on. What was missed is read in this order: a list is news only to who knows what was
sent and bought."""
AT_ONCE = 1_000
LAST_MS = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp()) * 1000
"""What lies behind it comes from a clock that counts in other units than Kafka's."""


class Reader:
    """Reads in a group of its own making: the places are in the state, written with what was read there."""

    def __init__(self, connection: KafkaConnection, state: State) -> None:
        """Raises BrokerUnavailable or TopicMismatch where there is nothing to read."""
        self._topics = {connection.topic_prefix + topic.name: topic for topic in ORDER}
        self._state = state
        self._consumer = assigned_consumer(connection, enable_partition_eof=True)
        self._partitions = {name: partitions_of(self._consumer, name) for name in self._topics}

    def missed(self) -> Iterator[list[Arrived]]:
        """All that is on the topics by now and was not yet read, one topic after the other."""
        for name, partitions in self._partitions.items():
            spans = [available_span(self._consumer, partition) for partition in partitions]
            spans = [span._replace(start=max(span.start, self._place(name, span.partition))) for span in spans]
            records = self._arrived(read_spans(self._consumer, spans))
            while some := list(islice(records, AT_ONCE)):
                yield some

    def follow(self) -> None:
        """From now on `arrived` gives what comes, of all topics."""
        self._consumer.assign(
            [
                TopicPartition(name, partition.partition, self._place(name, partition.partition, OFFSET_BEGINNING))
                for name, partitions in self._partitions.items()
                for partition in partitions
            ]
        )

    def arrived(self, timeout_s: float) -> list[Arrived]:
        """What has come; waits for a first record.

        Raises BrokerUnavailable where a partition can no longer be read. What had come with it is lost to this reader,
        but not to the state, whose places have not moved: a new reader gives it again.
        """
        found = waiting_messages(self._consumer, timeout_s, AT_ONCE)
        return list(self._arrived(message for message in found if not is_end_of_partition(message)))

    def close(self) -> None:
        self._consumer.close()

    def _place(self, name: str, partition: int, otherwise: int = 0) -> int:
        place = self._state.place(self._topics[name].name, partition)
        return otherwise if place is None else place

    def _arrived(self, messages: Iterable[Message]) -> Iterator[Arrived]:
        for message in messages:
            key, offset, partition = message.key(), message.offset(), message.partition()
            topic = self._topics[message.topic() or ""]
            at = written_at(message.timestamp()[1])
            yield Arrived(topic, partition or 0, offset or 0, at, key or b"", message.value())


def written_at(timestamp_ms: int) -> datetime | None:
    """When a record was written; None for -1, by which Kafka says that it has no timestamp, and where no year has such.

    >>> written_at(1320840000000)
    datetime.datetime(2011, 11, 9, 12, 0, tzinfo=datetime.timezone.utc)
    >>> written_at(-1)
    >>> written_at(1320840000000000)
    """
    if not 0 <= timestamp_ms <= LAST_MS:
        return None
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)
