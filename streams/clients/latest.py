"""Ask for the recommendation list of one customer that stands now."""

import logging
import threading
from collections.abc import Iterator, Sequence

import msgspec
from confluent_kafka import Consumer, Message, TopicPartition

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList
from streams.contract.partitioner import partition_of
from streams.contract.reachability import Reachability
from streams.contract.reading import Span, assigned_consumer, available_span, partitions_of, read_spans

log = logging.getLogger(__name__)

LOOK_BACK = 2_000
"""How many records of a partition are read first; each further step back is four times as long."""


class LatestLists:
    """Finds the list of one customer that stands now, on the compacted topic, in that customer's partition alone."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._topic = connection.topic_prefix + topics.RECOMMENDATIONS.name
        self._lock = threading.Lock()
        self._consumer: Consumer | None = None
        self._partitions: Sequence[TopicPartition] = ()

    def of(self, user_id: str) -> RecommendationList | None:
        """Reads backwards in growing steps, so a customer who bought lately is found at once."""
        key = messages.user_key(user_id)
        with self._lock:
            consumer = self._connected()
            span = available_span(consumer, self._partitions[partition_of(key, len(self._partitions))])
            newest = self._newest(consumer, key, span)
            # Between questions nothing is fetched.
            consumer.unassign()
        return None if newest is None or newest.value() is None else decoded_list(newest)

    def close(self) -> None:
        with self._lock:
            if self._consumer is not None:
                self._consumer.close()
                self._consumer = None

    def _newest(self, consumer: Consumer, key: bytes, span: Span) -> Message | None:
        for step in steps_back(span, LOOK_BACK):
            newest = _last_of(key, read_spans(consumer, [step]))
            if newest is not None:
                return newest
        return None

    def _connected(self) -> Consumer:
        """One connection for all questions: opening it takes longer than most of the answers."""
        if self._consumer is None:
            reachability = Reachability(self._connection.bootstrap_servers)
            consumer = assigned_consumer(
                self._connection, enable_partition_eof=True, fetch_wait_max_ms=5, error_cb=reachability.told
            )
            self._partitions = partitions_of(consumer, self._topic, reachability)
            self._consumer = consumer
        return self._consumer


def steps_back(span: Span, length: int) -> Iterator[Span]:
    """Pieces of `span` from its end to its start, each four times as long as the one before."""
    end = span.end
    while end > span.start:
        start = max(span.start, end - length)
        yield span._replace(start=start, end=end)
        end, length = start, length * 4


def _last_of(key: bytes, records: Iterator[Message]) -> Message | None:
    newest = None
    for record in records:
        if record.key() == key:
            newest = record
    return newest


def decoded_list(message: Message) -> RecommendationList | None:
    """None, and a warning, for a record that is no list: it was not the worker who sent it."""
    try:
        return messages.recommendation_list.decode(message.value() or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        place = f"{message.topic()}/{message.partition()}/{message.offset()}"
        log.warning("%s is not a recommendation list and was skipped: %s", place, error)
        return None
