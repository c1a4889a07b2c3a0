"""Read a whole topic once, from its beginning or its tail to where it ends now."""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.reachability import Reachability, topic_metadata

TIMEOUT_S = 10.0
STALLED_S = 30.0
"""A read that has not moved for so long has lost its broker."""
BATCH = 5_000

_UNSETTLED = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError._UNKNOWN_PARTITION,
)
"""For a moment after a topic was made, or its broker came or went. The partitions asked about were in the metadata."""


class Span(NamedTuple):
    """The offsets from `start` up to, not including, `end` of one partition."""

    topic: str
    partition: int
    start: int
    end: int


def partitions_of(consumer: Consumer, topic: str, reachability: Reachability | None = None) -> list[TopicPartition]:
    """The partitions of a topic; BrokerUnavailable or TopicMismatch where there are none."""
    metadata = topic_metadata(consumer, topic, reachability or Reachability(), TIMEOUT_S)
    return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(metadata.partitions)]


def assigned_consumer(connection: KafkaConnection, **more: object) -> Consumer:
    """A consumer that takes part in no group and commits nothing: its reader assigns the partitions."""
    settings: dict[str, object] = {
        "group_id": "nextup-reader",
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "enable_partition_eof": False,
        "fetch_wait_max_ms": 50,
    }
    return Consumer(connection.for_confluent(**settings | more))


def available_span(consumer: Consumer, partition: TopicPartition) -> Span:
    """From the oldest record that a partition still has to where it ends now."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            low, high = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
            return Span(partition.topic, partition.partition, low, high)
        except KafkaException as error:
            if error.args[0].code() not in _UNSETTLED or time.monotonic() > deadline:
                raise BrokerUnavailable(f"{partition.topic} could not be read: {error.args[0].str()}") from None
        time.sleep(0.05)


def read_to_end(connection: KafkaConnection, topic: str, tail: int | None = None) -> Iterator[Message]:
    """Every record of `topic` up to its end as of now; with `tail`, at most the last so many per partition.

    Records of one partition come in order. Tombstones are included: their value is None.
    """
    consumer = assigned_consumer(connection, enable_partition_eof=True)
    try:
        spans = [available_span(consumer, partition) for partition in partitions_of(consumer, topic)]
        if tail is not None:
            spans = [span._replace(start=max(span.start, span.end - tail)) for span in spans]
        yield from read_spans(consumer, spans)
    finally:
        consumer.close()


def read_spans(consumer: Consumer, spans: Iterable[Span]) -> Iterator[Message]:
    """The records in `spans`, at most one per partition; `consumer` must report the ends of partitions.

    The last offsets of a partition may hold no record (compacted away, or a transaction's marker), so
    its reported end counts as well as the last record seen.
    """
    spans = [span for span in spans if span.start < span.end]
    consumer.assign([TopicPartition(span.topic, span.partition, span.start) for span in spans])
    ends = {span.partition: span.end for span in spans}
    moved = time.monotonic()
    while ends:
        messages = waiting_messages(consumer, timeout_s=0.2)
        if messages:
            moved = time.monotonic()
        elif time.monotonic() - moved > STALLED_S:
            raise BrokerUnavailable(f"reading stopped: nothing came from the broker for {STALLED_S:.0f} s")
        yield from _before_ends(messages, ends)


def waiting_messages(consumer: Consumer, timeout_s: float, most: int = BATCH) -> list[Message]:
    """What has arrived, `most` of it: at once where something has, else the first that comes within `timeout_s`.

    `Consumer.consume` alone would wait out its timeout for a full batch.
    """
    first = consumer.poll(timeout_s)
    return [] if first is None else [first, *consumer.consume(most - 1, timeout=0)]


def _before_ends(messages: Iterable[Message], ends: dict[int, int]) -> Iterator[Message]:
    """The records that lie before their partition's end; drops from `ends` what has been reached."""
    for message in messages:
        at_end = is_end_of_partition(message)
        partition, offset = message.partition(), message.offset()
        if partition not in ends or offset is None:
            continue
        if not at_end and offset < ends[partition]:
            yield message
        if at_end or offset + 1 >= ends[partition]:
            del ends[partition]


def is_end_of_partition(message: Message) -> bool:
    """Whether this stands for the end of a partition and not for a record; other errors are raised."""
    error = message.error()
    if error is None:
        return False
    if error.code() == KafkaError._PARTITION_EOF:
        return True
    raise BrokerUnavailable(f"reading {message.topic()} failed: {error.str()}")


@contextmanager
def translated_errors(what: str) -> Iterator[None]:
    """Kafka's exceptions as BrokerUnavailable, whose text begins with `what`."""
    try:
        yield
    except KafkaException as error:
        raise BrokerUnavailable(f"{what}: {error.args[0].str()}") from None
