"""The topic that a group of workers reads: which incarnation of it this is, and what of it was deleted unread.

A topic that was deleted and made again, or restored from a copy, begins again at offset 0, and Kafka gives it another
id. The state outlives it: which events are known, and which offset each history stands at. So the state speaks of
positions, which never go back: the number of the incarnation, then the offset. The first incarnation has number 0, and
its positions are its offsets.
"""

import logging
from collections.abc import Callable, Collection

import msgspec
from confluent_kafka import KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.contract.connection import KafkaConnection
from streams.contract.reading import TIMEOUT_S, assigned_consumer, translated_errors
from streams.worker.batch import Batch, Slot, SourceRecord, StateTable
from streams.worker.errors import WorkerError

log = logging.getLogger(__name__)

INCARNATIONS = b"\xfeincarnations"
"""Key of the ids of a topic's incarnations among the known events: not UTF-8, so no event's."""
OFFSET_BITS = 40
"""A partition has at most 2^40 records."""


class SourceTopic:
    """Asks the broker about a topic, beside Faust. Only `topic_id` is known without asking."""

    def __init__(self, connection: KafkaConnection, group: str, topic: str) -> None:
        """Raises BrokerUnavailable where no broker says which topic this is."""
        self.topic = topic
        self.group = group
        self.n_lost = 0
        """Records that were deleted before this group had read them, as far as this process has seen."""
        self._admin = AdminClient(connection.for_confluent())
        self._consumer = assigned_consumer(connection, group_id=group)
        with translated_errors(f"{topic} could not be described"):
            self.topic_id = self._described()

    def current_id(self) -> str | None:
        """The id that the topic has by now; None where the broker does not say, or has no such topic."""
        try:
            return self._described()
        except KafkaException:
            return None

    def first_offset(self, partition: int) -> int:
        """The oldest record that a partition still has; BrokerUnavailable where the broker does not say."""
        with translated_errors(f"{self.topic}/{partition} could not be asked for its first offset"):
            low, _ = self._consumer.get_watermark_offsets(TopicPartition(self.topic, partition), timeout=TIMEOUT_S)
        return int(low)

    def look_for_losses(self, partitions: Collection[int]) -> None:
        """Tell, and count, what of these partitions was deleted before the group had read it."""
        asked = [TopicPartition(self.topic, partition) for partition in partitions]
        with translated_errors(f"the place of {self.group} on {self.topic} is unknown"):
            places = self._consumer.committed(asked, timeout=TIMEOUT_S) if asked else []
        for place in places:
            first = self.first_offset(place.partition)
            if 0 <= place.offset < first:
                self.n_lost += first - place.offset
                log.warning(
                    "%s/%d: the records %d to %d, %d of them, were deleted before they were read. They are in no "
                    "history and no list; publish them again, and keep %s longer than workers are down (retention.ms)",
                    *(self.topic, place.partition, place.offset, first - 1, first - place.offset, self.topic),
                )

    def _described(self) -> str:
        described = self._admin.describe_topics(TopicCollection([self.topic]), request_timeout=TIMEOUT_S)
        return str(described[self.topic].result().topic_id)


class Incarnations:
    """Gives each record its position. `table` is one of the state's; `first_offset` asks where a partition begins."""

    def __init__(self, table: StateTable, topic_id: str, group: str, first_offset: Callable[[int], int]) -> None:
        self._table = table
        self._topic_id = topic_id
        self._group = group
        self._first_offset = first_offset

    def placed(self, record: SourceRecord, batch: Batch) -> SourceRecord:
        """The record with its position; the incarnation becomes part of the state with its first record.

        Raises WorkerError where the first record that comes of a new incarnation is not the first that there is: the
        group would pass over what lies before it.
        """
        slot = Slot(self._table, record.partition, INCARNATIONS)
        stored = batch.get(slot)
        known: list[str] = msgspec.json.decode(stored, type=list[str]) if stored else []
        if self._topic_id != (known[-1] if known else None):
            if known:
                self._begin(record, known[-1])
            known = [*known, self._topic_id]
            batch.put(slot, msgspec.json.encode(known))
        return record._replace(position=position(len(known) - 1, record.offset))

    def _begin(self, record: SourceRecord, before: str) -> None:
        first = self._first_offset(record.partition)
        if record.offset > first:
            raise WorkerError(
                f"{record.topic} was made anew, and the group {self._group} stands at offset {record.offset} of "
                f"partition {record.partition}, behind records that it has not read. Stop all workers, have it begin "
                f"with the first: kafka-consumer-groups --group {self._group} --topic {record.topic} --reset-offsets "
                "--to-earliest --execute, and start them again; what was accepted before is known by its event_id"
            )
        log.warning(
            "%s/%d is another topic than the state was made of (id %s, before %s): it was made anew or restored. "
            "Events that were accepted before are known by their event_id; new ones follow on what there is",
            *(record.topic, record.partition, self._topic_id, before),
        )


def position(incarnation: int, offset: int) -> int:
    """Where a record stands among all that the partition has had."""
    return incarnation << OFFSET_BITS | offset
