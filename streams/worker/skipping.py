"""Pass over one record of `purchases` that no worker gets past.

1. Nobody may be in the group, and the next record the group would read must be the one that is named.
2. The record is written to `dead-letters`, with the reason.
3. The offset behind it is committed; the broker refuses this where a worker has joined meanwhile.

A failure between 2 and 3 leaves a dead letter more, and nothing skipped; the state is never touched.
"""

from collections.abc import Sequence
from contextlib import closing
from typing import cast

from confluent_kafka import Consumer, Message, TopicPartition

from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.reading import assigned_consumer, partitions_of
from streams.contract.topics import DEAD_LETTERS, PURCHASES
from streams.worker.batch import SourceRecord
from streams.worker.consumer_group import ConsumerGroup
from streams.worker.dead_letters import dead_letter
from streams.worker.errors import WorkerError
from streams.worker.rebuild import write


def skip_record(connection: KafkaConnection, group: str, partition: int, offset: int, reason: str) -> None:
    """Have the group go on behind one record; WorkerError where a worker runs or the group stands elsewhere."""
    prefix = connection.topic_prefix
    standing = ConsumerGroup(connection, prefix + group, prefix + PURCHASES.name)
    standing.require_no_member()
    with closing(assigned_consumer(connection, enable_partition_eof=True)) as consumer:
        record = _next_record(consumer, standing, partition)
    check_place(record, standing.topic, partition, offset)
    if record is not None:
        letter = dead_letter(prefix + DEAD_LETTERS.name, record, InvalidEvent("skipped", reason))
        write(connection, [letter])
        standing.move_to(partition, offset + 1)


def check_place(record: SourceRecord | None, topic: str, partition: int, offset: int) -> None:
    """WorkerError where the next record to be read, None if there is none, is not the one at `offset`."""
    if record is None:
        raise WorkerError(f"nothing is left to read in partition {partition} of {topic}, so nothing is skipped")
    if record.offset != offset:
        raise WorkerError(
            f"the workers stand at offset {record.offset} of partition {partition} of {topic}, not at {offset}; only "
            "the record at which they stand can be skipped"
        )


def _next_record(consumer: Consumer, group: ConsumerGroup, partition: int) -> SourceRecord | None:
    known = [place.partition for place in partitions_of(consumer, group.topic)]
    if partition not in known:
        raise WorkerError(f"{group.topic} has no partition {partition}; it has {len(known)}, counted from 0")
    message = group.next_record(consumer, TopicPartition(group.topic, partition))
    return None if message is None else _source_record(message)


def _source_record(message: Message) -> SourceRecord:
    headers = cast("Sequence[tuple[str, bytes | None]]", message.headers() or ())
    return SourceRecord(
        message.topic() or "",
        message.partition() or 0,
        message.offset() or 0,
        message.key(),
        message.value(),
        tuple((name, value or b"") for name, value in headers),
    )
