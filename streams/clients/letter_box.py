"""Read `dead-letters`, and send what lies there to its source topic again."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from streams.contract import topics
from streams.contract.connection import NOTHING_LOST, KafkaConnection
from streams.contract.errors import InvalidEvent, TopicMismatch, Undelivered
from streams.contract.letters import Letter, headers_of_replay, letter_of, replayed_from
from streams.contract.partitioner import MURMUR2
from streams.contract.reading import (
    TIMEOUT_S,
    Span,
    assigned_consumer,
    available_span,
    partitions_of,
    read_spans,
    read_to_end,
    translated_errors,
)

FLUSH_S = 60.0
LARGEST_RECORD = 64 << 20
"""More than any topic takes: the broker decides what is too large."""


class LetterBox:
    """The dead letters of one cluster."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._topic = connection.topic_prefix + topics.DEAD_LETTERS.name

    def newest(self, count: int, wanted: Callable[[Letter], bool] = lambda _: True) -> list[Letter]:
        """The newest `count` letters that are wanted, newest first. Reads the whole topic, keeping these alone."""
        return heapq.nlargest(
            count, filter(wanted, self.all()), key=lambda each: (each.at, each.partition, each.offset)
        )

    def all(self) -> Iterator[Letter]:
        """Every letter, in order within each partition."""
        return map(letter_of, read_to_end(self._connection, self._topic))

    def one(self, partition: int, offset: int) -> Letter:
        """The letter at a place; TopicMismatch where there is none."""
        consumer = assigned_consumer(self._connection, enable_partition_eof=True)
        try:
            found = next(self._at(consumer, partition, offset), None)
        finally:
            consumer.close()
        if found is None:
            raise TopicMismatch(
                f"no dead letter lies at partition {partition}, offset {offset} of {self._topic}; see: "
                "nextup dead-letters list"
            )
        return letter_of(found)

    def _at(self, consumer: Consumer, partition: int, offset: int) -> Iterator[Message]:
        known = {place.partition for place in partitions_of(consumer, self._topic)}
        if partition in known:
            span = available_span(consumer, TopicPartition(self._topic, partition))
            if span.start <= offset < span.end:
                yield from read_spans(consumer, [span._replace(start=offset, end=offset + 1)])

    def replayed_before(self, letters: Iterable[Letter]) -> dict[str, str]:
        """Of letters that were sent again already: where each lies, by the letter's name.

        The source topics themselves are read, from the oldest letter's time on: they alone know for sure.
        """
        oldest: dict[str, datetime] = {}
        for letter in letters:
            oldest[letter.source_topic] = min(letter.at, oldest.get(letter.source_topic, letter.at))
        found: dict[str, str] = {}
        for topic, since in oldest.items():
            for message in self._read_since(topic, since):
                if (name := replayed_from(message)) is not None:
                    found[name] = f"{topic}/{message.partition()}/{message.offset()}"
        return found

    def _read_since(self, topic: str, since: datetime) -> Iterator[Message]:
        consumer = assigned_consumer(self._connection, enable_partition_eof=True)
        try:
            yield from read_spans(consumer, _spans_since(consumer, topic, round(since.timestamp() * 1000)))
        finally:
            consumer.close()

    def check(self, letter: Letter) -> None:
        """InvalidEvent where a letter cannot be sent again, see `check_replayable`."""
        check_replayable(letter, self._connection.topic_prefix)

    def is_replayable(self, letter: Letter) -> bool:
        try:
            self.check(letter)
        except InvalidEvent:
            return False
        return True

    def replay(self, letters: Iterable[Letter]) -> int:
        """Send each record to its source topic, to the partition its key belongs to; how many were sent.

        InvalidEvent, before anything is sent, where one is cut or comes from no topic of ours; Undelivered where the
        broker did not take all.
        """
        letters = list(letters)
        for letter in letters:
            self.check(letter)
        failed: list[str] = []

        def on_delivery(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                failed.append(f"{message.topic()}: {error.str()}")

        producer = Producer(
            self._connection.for_confluent(**NOTHING_LOST, partitioner=MURMUR2, message_max_bytes=LARGEST_RECORD)
        )
        for letter in letters:
            headers: list[tuple[str, str | bytes | None]] = [*headers_of_replay(letter)]
            producer.produce(letter.source_topic, letter.value, letter.key, headers=headers, on_delivery=on_delivery)
            producer.poll(0)
        left = producer.flush(FLUSH_S)
        if failed or left:
            why = failed[0] if failed else "no answer from the broker"
            raise Undelivered(f"{len(failed) + left} of {len(letters)} letters were not sent again: {why}")
        return len(letters)


def check_replayable(letter: Letter, prefix: str) -> None:
    """InvalidEvent where a letter cannot be sent again: it is cut, or its source is no topic of ours."""
    place = f"the dead letter {letter.partition} {letter.offset}"
    if letter.is_cut:
        raise InvalidEvent(
            "cut", f"{place} is cut and cannot be replayed: send the event again from where it came ({letter.source})"
        )
    sources = {prefix + topic.name for topic in topics.TOPICS if topic is not topics.DEAD_LETTERS}
    if letter.source_topic not in sources:
        raise InvalidEvent("no-source", f"{place} comes from no topic of this cluster's contract: {letter.source}")


def _spans_since(consumer: Consumer, topic: str, since_ms: int) -> list[Span]:
    asked = [TopicPartition(topic, place.partition, since_ms) for place in partitions_of(consumer, topic)]
    with translated_errors(f"{topic} could not be read"):
        starts = consumer.offsets_for_times(asked, timeout=TIMEOUT_S)
    spans = []
    for place in starts:
        span = available_span(consumer, place)
        spans.append(span._replace(start=max(span.start, place.offset if place.offset >= 0 else span.end)))
    return spans
