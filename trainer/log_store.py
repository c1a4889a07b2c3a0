"""A copy of the purchase log on disk, brought up to date from where the reading before it ended.

RocksDB keeps the newest value under each key, in the order of the keys, so that a user's events lie together and a
log of any length can be gone through in little memory. How far the topic has been read is written together with what
was read: whatever cuts a reading short, the next one goes on from there.

The copy is started over where going on from it would be wrong: the topic is another one, it ends before the place up
to which it was read, or so much time has gone by that it may have forgotten what was removed.
"""

import contextlib
import itertools
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Self

import msgspec
from confluent_kafka import Consumer, Message, TopicCollection
from confluent_kafka.admin import AdminClient
from msgspec import Struct
from rocksdict import Options, Rdict, WriteBatch

from streams.contract.connection import KafkaConnection
from streams.contract.reading import (
    TIMEOUT_S,
    Span,
    assigned_consumer,
    available_span,
    partitions_of,
    read_spans,
    translated_errors,
)
from streams.contract.topics import PURCHASE_LOG
from trainer.errors import DataFolderUnusable
from trainer.progress import Progress, counted

READ_TO = b"\0read-to"
"""Where the progress is kept. Log keys are JSON arrays, so all of them come after it."""
FIRST_KEY, END = b"[", b"\xff"
RECORDS_AT_A_TIME = 10_000
REMOVALS_STAY_S = int(PURCHASE_LOG.config["delete.retention.ms"]) / 1000
"""So long the topic tells that a record was removed."""


class ReadTo(Struct, frozen=True):
    """How far the topic has been read."""

    topic_id: str
    offsets: dict[int, int]
    """By partition: the first offset that has not been read."""
    since: float
    """Unix time: everything that was removed since then is still told by the part that has not been read."""


class LogStore:
    """One process's copy of the log; DataFolderUnusable where another one has it open, or it cannot be used.

    with LogStore(folder) as store:
        store.catch_up(connection, progress)
        for key, value in store.records(): ...
    """

    def __init__(self, folder: Path) -> None:
        self._database = _opened(folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def records(self) -> Iterator[tuple[bytes, bytes]]:
        """What the log holds under its keys, in the order of the keys."""
        yield from self._database.items(from_key=FIRST_KEY)

    def catch_up(self, connection: KafkaConnection, progress: Progress) -> None:
        """Read to the end as of now; TopicMismatch or BrokerUnavailable where that cannot be done."""
        topic = connection.topic_prefix + PURCHASE_LOG.name
        consumer = assigned_consumer(connection, enable_partition_eof=True)
        with contextlib.closing(consumer):
            spans = [available_span(consumer, partition) for partition in partitions_of(consumer, topic)]
            began = time.time()
            read_to = self._continued(_topic_id(connection, topic), spans, began, progress)
            self._read(consumer, remaining(spans, read_to), read_to, progress)
            ends = {span.partition: span.end for span in spans}
            self._write([], ReadTo(read_to.topic_id, ends, began))

    def _continued(self, topic_id: str, spans: Sequence[Span], now: float, progress: Progress) -> ReadTo:
        """From where to go on; where that is the beginning, the copy is empty."""
        kept = self._database.get(READ_TO)
        read_to = ReadTo("", {}, now) if kept is None else msgspec.json.decode(kept, type=ReadTo)
        obstacle = obstacle_to_going_on(read_to, topic_id, spans, now)
        if not obstacle:
            return read_to
        if kept is not None:
            progress.noted(f"from the beginning: {obstacle}")
        self._database.delete_range(READ_TO, END)
        return ReadTo(topic_id, {}, now)

    def _read(self, consumer: Consumer, spans: Iterable[Span], read_to: ReadTo, progress: Progress) -> None:
        messages = counted(read_spans(consumer, spans), progress.advanced)
        while some := list(itertools.islice(messages, RECORDS_AT_A_TIME)):
            read_to = after(read_to, some)
            self._write(some, read_to)

    def _write(self, messages: Iterable[Message], read_to: ReadTo) -> None:
        """All of it or nothing."""
        batch = WriteBatch(raw_mode=True)
        for message in messages:
            key, value = message.key() or b"", message.value()
            if value:
                batch[key] = value
            else:
                del batch[key]
        batch[READ_TO] = msgspec.json.encode(read_to)
        self._database.write(batch)


def obstacle_to_going_on(read_to: ReadTo, topic_id: str, spans: Sequence[Span], now: float) -> str:
    """Why the topic must be read from its beginning, or "" where the copy can be added to."""
    if read_to.topic_id != topic_id:
        return "the topic is another one than that which was read before"
    if any(read_to.offsets.get(span.partition, 0) > span.end for span in spans):
        return "the topic ends before the place up to which it was read"
    if now - read_to.since > REMOVALS_STAY_S:
        return f"it was last read {(now - read_to.since) / 86_400:.0f} days ago"
    return ""


def remaining(spans: Sequence[Span], read_to: ReadTo) -> list[Span]:
    """What has not been read of each partition."""
    return [span._replace(start=max(span.start, read_to.offsets.get(span.partition, 0))) for span in spans]


def after(read_to: ReadTo, messages: Iterable[Message]) -> ReadTo:
    """The progress once these records have been read, too."""
    offsets = dict(read_to.offsets)
    for message in messages:
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            offsets[partition] = offset + 1
    return msgspec.structs.replace(read_to, offsets=offsets)


def _topic_id(connection: KafkaConnection, topic: str) -> str:
    """What a topic shares with no other one, not even with its successor of the same name."""
    admin = AdminClient(connection.for_confluent())
    with translated_errors(f"{topic} could not be looked at"):
        described = admin.describe_topics(TopicCollection([topic]), request_timeout=TIMEOUT_S)[topic].result()
    return str(described.topic_id)


def _opened(folder: Path) -> Rdict:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(16 << 20)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return Rdict(str(folder), options)
    except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
        raise DataFolderUnusable(_advice(folder, str(error))) from None


def _advice(folder: Path, told: str) -> str:
    if "lock" in told.lower():
        return f"{folder} is in use by another run; wait for its end, or set another trainer.datadir"
    if "Corruption" in told:
        return f"{folder} is damaged ({told}); delete it: the next run reads the log anew"
    return f"{folder} cannot be used as trainer.datadir: {told}"
