"""From which offset each partition is read."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition

from streams.contract.reading import TIMEOUT_S, available_span, translated_errors

Start: TypeAlias = Literal["now", "beginning"] | datetime
"""From now on, from the oldest record that is still there, or from the first that was written at or after a time."""


def start_offsets(consumer: Consumer, partitions: Sequence[TopicPartition], start: Start) -> dict[int, int]:
    """Partition number to offset. Raises ValueError for a time without a zone."""
    if start == "beginning":
        return {partition.partition: OFFSET_BEGINNING for partition in partitions}
    ends = {partition.partition: available_span(consumer, partition).end for partition in partitions}
    return ends if start == "now" else ends | _offsets_at(consumer, partitions, start)


def _offsets_at(consumer: Consumer, partitions: Sequence[TopicPartition], moment: datetime) -> dict[int, int]:
    """For the partitions that have records of `moment` or later."""
    if moment.tzinfo is None:
        raise ValueError(f"start {moment.isoformat()} has no zone; give it one: {moment.isoformat()}+00:00 is UTC")
    milliseconds = max(0, int(moment.timestamp() * 1000))
    wanted = [TopicPartition(place.topic, place.partition, milliseconds) for place in partitions]
    with translated_errors(f"no broker told what was written at {moment.isoformat()}"):
        found = consumer.offsets_for_times(wanted, timeout=TIMEOUT_S)
    return {place.partition: place.offset for place in found if place.offset >= 0}
