"""Whether there are events that wait for this worker, asked beside Faust."""

import time
from collections.abc import Collection
from typing import NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.contract.connection import KafkaConnection


class Waiting(NamedTuple):
    """What waits in some partitions of the source."""

    records: int
    """Offsets between what is committed and the end; markers of transactions count, too."""
    is_work: bool
    """Whether there is a record among them."""
    committed: int
    """Sum of the committed offsets: moves when somebody makes progress."""


class _Gap(NamedTuple):
    """The offsets from `start` up to, not including, `end` that a group has not committed in a partition."""

    partition: int
    start: int
    end: int


class Backlog:
    """Asks the broker how far a group has come with a topic. It joins no group and commits nothing."""

    def __init__(self, connection: KafkaConnection, group: str, topic: str, timeout_s: float) -> None:
        self._topic = topic
        self._timeout_s = timeout_s
        self._consumer = Consumer(
            connection.for_confluent(
                group_id=group,
                enable_auto_commit=False,
                enable_auto_offset_store=False,
                enable_partition_eof=True,
                auto_offset_reset="earliest",
                isolation_level="read_committed",  # as the worker reads
                fetch_wait_max_ms=10,  # whether there is a record is asked now, not when one comes
                fetch_queue_backoff_ms=10,
                queued_min_messages=1,
                fetch_message_max_bytes=1 << 16,
            )
        )

    def ask(self, partitions: Collection[int]) -> Waiting | None:
        """None where the broker does not say within the timeout."""
        deadline = time.monotonic() + self._timeout_s
        try:
            gaps = self._gaps(partitions, deadline)
            is_work = self._holds_a_record([gap for gap in gaps if gap.start < gap.end], deadline)
        except KafkaException:
            return None
        if is_work is None:
            return None
        return Waiting(sum(gap.end - gap.start for gap in gaps), is_work, sum(gap.start for gap in gaps))

    def n_partitions(self) -> int | None:
        """How many partitions the topic has by now; None where the broker does not say within the timeout."""
        try:
            return len(self._consumer.list_topics(self._topic, timeout=self._timeout_s).topics[self._topic].partitions)
        except KafkaException:
            return None

    def close(self) -> None:
        self._consumer.close()

    def _gaps(self, partitions: Collection[int], deadline: float) -> list[_Gap]:
        asked = [TopicPartition(self._topic, partition) for partition in partitions]
        gaps = []
        for committed in self._consumer.committed(asked, timeout=_left(deadline)):
            low, high = self._consumer.get_watermark_offsets(committed, timeout=_left(deadline))
            gaps.append(_Gap(committed.partition, max(low, committed.offset), max(low, high)))
        return gaps

    def _holds_a_record(self, gaps: list[_Gap], deadline: float) -> bool | None:
        """Offsets alone do not tell: a marker of a transaction takes one, too, and is never acknowledged."""
        open_gaps = {gap.partition for gap in gaps}
        self._consumer.assign([TopicPartition(self._topic, gap.partition, gap.start) for gap in gaps])
        try:
            while open_gaps:
                message = self._consumer.poll(_left(deadline))
                if message is None:
                    return None
                error = message.error()
                if error is None:
                    return True
                if error.code() != KafkaError._PARTITION_EOF:
                    return None
                open_gaps.discard(message.partition() or 0)
        finally:
            self._consumer.unassign()
        return False


def _left(deadline: float) -> float:
    return max(0.001, deadline - time.monotonic())
