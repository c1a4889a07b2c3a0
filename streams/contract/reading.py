"""Read a whole topic once, from its beginning or its tail to where it ends now."""

from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch

TIMEOUT_S = 10.0
BATCH = 5_000


def partitions_of(consumer: Consumer, topic: str) -> list[TopicPartition]:
    """The partitions of a topic; BrokerUnavailable or TopicMismatch where there are none."""
    try:
        metadata = consumer.list_topics(topic, timeout=TIMEOUT_S).topics[topic]
    except KafkaException as error:
        raise BrokerUnavailable(f"no broker answered within {TIMEOUT_S:.0f} s: {error.args[0].str()}") from None
    if metadata.error is not None:
        raise TopicMismatch(f"{topic}: {metadata.error.str()}; create the topics with: nextup topics")
    return [TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(metadata.partitions)]


def assigned_consumer(connection: KafkaConnection, **more: object) -> Consumer:
    """A consumer that takes part in no group and commits nothing: its reader assigns the partitions."""
    return Consumer(
        connection.for_confluent(
            group_id="nextup-reader",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            enable_partition_eof=False,
            fetch_wait_max_ms=50,
            **more,
        )
    )


def read_to_end(connection: KafkaConnection, topic: str, tail: int | None = None) -> Iterator[Message]:
    """Every record of `topic` up to its end as of now; with `tail`, at most the last so many per partition.

    Records of one partition come in order. Tombstones are included: their value is None.
    """
    consumer = assigned_consumer(connection)
    try:
        ends: dict[int, int] = {}
        starts: list[TopicPartition] = []
        for partition in partitions_of(consumer, topic):
            low, high = consumer.get_watermark_offsets(partition, timeout=TIMEOUT_S)
            start = low if tail is None else max(low, high - tail)
            if start < high:
                ends[partition.partition] = high
                starts.append(TopicPartition(topic, partition.partition, start))
        consumer.assign(starts)
        while ends:
            yield from _next_records(consumer, ends)
    finally:
        consumer.close()


def _next_records(consumer: Consumer, ends: dict[int, int]) -> Iterator[Message]:
    """Records before the ends; drops from `ends` what has been reached.

    The last offsets may hold no record (compacted away, or a transaction's marker), so the consumer's
    position tells the end, not the last record seen.
    """
    for message in consumer.consume(BATCH, timeout=0.2):
        error = message.error()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                continue
            raise BrokerUnavailable(f"reading {message.topic()} failed: {error.str()}")
        partition, offset = message.partition(), message.offset()
        if partition in ends and offset is not None and offset < ends[partition]:
            yield message
    for position in consumer.position([p for p in consumer.assignment() if p.partition in ends]):
        if position.offset >= ends[position.partition]:
            del ends[position.partition]
