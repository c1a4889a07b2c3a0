"""The state made anew from `purchase-log`, and compared with the state that the worker keeps.

A user's history is a function of the user's log records (`streams.histories.purchase_log`), and so is which
events are known. What is compared are bytes: those made anew, and the newest value of each key on the
changelog from which a worker restores its RocksDB. One partition is held in memory at a time.
"""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from streams.contract import messages
from streams.contract.connection import NOTHING_LOST, KafkaConnection
from streams.contract.errors import Undelivered
from streams.contract.reading import assigned_consumer, available_span, partitions_of, read_spans
from streams.histories import history
from streams.histories.purchase_log import SOURCE_OFFSET, LogRecord, log_record, replay, user_of
from streams.worker.batch import Record, StateTable
from streams.worker.source_topic import INCARNATIONS

log = logging.getLogger(__name__)

WRITE_TIMEOUT_S = 60.0
LARGEST_RECORD = 64 << 20
"""More than any topic takes: the broker decides what is too large."""


class State(NamedTuple):
    """The state of one partition, encoded as in the worker's tables."""

    histories: dict[bytes, bytes]
    """By user key."""
    known_events: dict[bytes, bytes]
    """By log key."""
    n_unusable: int = 0
    """Records of the log from which nothing could be made."""


class Differences(NamedTuple):
    """What of one table is as it should be, and the keys of what is not."""

    equal: int
    different: list[bytes]
    missing: list[bytes]
    """In the state made anew, and not in the running one."""
    extra: list[bytes]
    """In the running state, and not in the one made anew."""

    @property
    def wrong(self) -> list[bytes]:
        return [*self.different, *self.missing, *self.extra]


def from_log(records: Mapping[bytes, LogRecord], max_lines: int) -> State:
    """The state that the records of one partition's log lead to; `max_lines` as the worker has it."""
    keys_of: dict[str, list[tuple[int, bytes]]] = defaultdict(list)
    n_unusable = 0
    for key, record in records.items():
        user_id = user_of(key)
        if user_id is None or record.source_offset is None:
            log.warning("the log record %r is left out: its key, or its header %s, is not ours", key, SOURCE_OFFSET)
            n_unusable += 1
        else:
            keys_of[user_id].append((record.source_offset, key))
    histories: dict[bytes, bytes] = {}
    known: dict[bytes, bytes] = {}
    for user_id, places in keys_of.items():
        replayed = replay([(offset, key, records[key].value) for offset, key in sorted(places)], max_lines)
        n_unusable += len(places) - len(replayed.offsets)
        if replayed.offsets:
            histories[messages.user_key(user_id)] = history.encode(replayed.history)
            known |= replayed.offsets
    return State(histories, known, n_unusable)


def differences(made: Mapping[bytes, bytes], running: Mapping[bytes, bytes]) -> Differences:
    """Compares two tables, key by key and byte by byte."""
    common = made.keys() & running.keys()
    different = sorted(key for key in common if made[key] != running[key])
    return Differences(
        len(common) - len(different),
        different,
        missing=sorted(made.keys() - running.keys()),
        extra=sorted(running.keys() - made.keys()),
    )


def newest(records: Iterable[Message]) -> dict[bytes, Message]:
    """The record that stands under each key; none where a tombstone came last."""
    standing: dict[bytes, Message] = {}
    for record in records:
        key = record.key() or b""
        if record.value() is None:
            standing.pop(key, None)
        else:
            standing[key] = record
    return standing


def corrections(table: StateTable, partition: int, made: Mapping[bytes, bytes], found: Differences) -> list[Record]:
    """The changelog records that make the running table the one made anew."""
    return [Record(table.changelog, partition, key, made.get(key)) for key in found.wrong]


def write(connection: KafkaConnection, records: Iterable[Record]) -> None:
    """Write records to their partitions; Undelivered where the broker did not take all of them."""
    failed: list[str] = []

    def on_delivery(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error.str())

    producer = Producer(connection.for_confluent(**NOTHING_LOST, message_max_bytes=LARGEST_RECORD))
    for record in records:
        place = (record.topic, record.value, record.key, record.partition)
        producer.produce(*place, on_delivery=on_delivery, headers=list(record.headers))
        producer.poll(0)
    left = producer.flush(WRITE_TIMEOUT_S)
    if failed or left:
        raise Undelivered(f"{len(failed) + left} records were not written: {failed[0] if failed else 'no answer'}")


class StateReader:
    """Reads one partition of the log, or of a changelog, as it stands now."""

    def __init__(self, connection: KafkaConnection, log_topic: str) -> None:
        self._log_topic = log_topic
        self.consumer: Consumer = assigned_consumer(connection, enable_partition_eof=True)

    def partitions(self) -> list[int]:
        return [partition.partition for partition in partitions_of(self.consumer, self._log_topic)]

    def made_anew(self, partition: int, max_lines: int) -> State:
        standing = self._standing(self._log_topic, partition)
        return from_log({key: log_record(message) for key, message in standing.items()}, max_lines)

    def table(self, changelog: str, partition: int) -> dict[bytes, bytes]:
        """The values of a table as a worker would restore them. TopicMismatch where no worker made the topic yet."""
        partitions_of(self.consumer, changelog)
        standing = self._standing(changelog, partition)
        return {key: message.value() or b"" for key, message in standing.items() if key != INCARNATIONS}

    def close(self) -> None:
        self.consumer.close()

    def _standing(self, topic: str, partition: int) -> dict[bytes, Message]:
        span = available_span(self.consumer, TopicPartition(topic, partition))
        return newest(read_spans(self.consumer, [span]))
