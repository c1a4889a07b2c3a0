"""How much lies on the topics, and how far a consumer group is behind."""

from types import TracebackType
from typing import Self

from confluent_kafka import Consumer

from streams.contract.connection import KafkaConnection
from streams.contract.reading import available_span, partitions_of, translated_errors

TIMEOUT_S = 10.0


class TopicSizes:
    """Asks the broker for offsets, over one connection. A context manager.

    `group` is the consumer group whose place is asked for; nothing is consumed or committed. Both
    questions raise BrokerUnavailable where the broker does not answer.
    """

    def __init__(self, connection: KafkaConnection, group: str) -> None:
        self._prefix = connection.topic_prefix
        self._consumer = Consumer(connection.for_confluent(group_id=group, enable_auto_commit=False))

    def records(self, topic: str) -> int:
        """How many offsets a topic spans; compaction leaves gaps, so it may hold fewer records."""
        spans = [available_span(self._consumer, p) for p in partitions_of(self._consumer, self._prefix + topic)]
        return sum(span.end - span.start for span in spans)

    def lag(self, topic: str) -> int:
        """How many records of a topic the group has not acknowledged."""
        partitions = partitions_of(self._consumer, self._prefix + topic)
        with translated_errors(f"the place of the group in {topic} could not be read"):
            committed = self._consumer.committed(partitions, timeout=TIMEOUT_S)
        spans = [available_span(self._consumer, place) for place in committed]
        places = [max(place.offset, span.start) for place, span in zip(committed, spans, strict=True)]
        return sum(span.end - place for span, place in zip(spans, places, strict=True))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()
