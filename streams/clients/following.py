"""Fetch the records of `recommendations` as they come, alone or as one of a group."""

import contextlib
import logging
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.clients.starts import Start, start_offsets
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.partitioner import partition_of
from streams.contract.reachability import Reachability
from streams.contract.reading import assigned_consumer, partitions_of, translated_errors, waiting_messages

log = logging.getLogger(__name__)

MOST_AT_ONCE = 1_000
"""Most records that one fetch hands over; in a group one, so that a slow reader is not taken for a lost one."""
MOST_QUEUED_KIB = 8 * 1024
"""What librdkafka may fetch ahead; with so much waiting, it stops fetching until some of it was taken."""
PROBE_S = 0.1


class Following:
    """Reads one topic from `start`: all of it, the partition of `key` alone, or a share of it in a group."""

    def __init__(
        self,
        connection: KafkaConnection,
        topic: str,
        start: Start,
        key: bytes | None,
        group: str | None,
        broker_timeout_s: float | None,
        **settings: Any,
    ) -> None:
        """Settle where to begin. Raises BrokerUnavailable or TopicMismatch where there is nothing to follow."""
        self._topic = topic
        self._grouped = group is not None
        self._broker_timeout_s = broker_timeout_s
        self._reachability = Reachability(connection.bootstrap_servers)
        self._fault: KafkaError | None = None
        self._consumer = self._open(connection, group, settings)
        try:
            self._starts = start_offsets(self._consumer, self._partitions(key), start)
            self._begin()
        except BaseException:
            self._consumer.close()
            raise

    def fetch(self, timeout_s: float) -> list[Message]:
        """The records that have arrived, MOST_AT_ONCE at most: at once, or the first within `timeout_s`.

        Raises BrokerUnavailable where reading failed, or no broker could be reached for too long; the next
        call goes on where this one was.
        """
        self._raise_fault()
        arrived = waiting_messages(self._consumer, timeout_s, 1 if self._grouped else MOST_AT_ONCE)
        records = [message for message in arrived if self._is_record(message)]
        if records:
            self._reachability.answered()
        else:
            self._look_for_brokers()
        return records

    def done_with(self, record: Message) -> None:
        """From here the group may go on: the record has been dealt with."""
        if self._grouped:
            # The partition may have gone to another member, who then gets this record, too.
            with contextlib.suppress(KafkaException):
                self._consumer.store_offsets(record)

    def close(self) -> None:
        """In a group, hand the partitions back and keep the place."""
        self._consumer.close()

    def _open(self, connection: KafkaConnection, group: str | None, settings: dict[str, Any]) -> Consumer:
        ours: dict[str, Any] = {
            "error_cb": self._reachability.told,
            "queued_max_messages_kbytes": MOST_QUEUED_KIB,
        }
        if group is not None:
            ours |= {
                "group_id": group,
                "enable_auto_commit": True,
                "enable_auto_offset_store": False,
                "auto_commit_interval_ms": 1000,
            }
        return assigned_consumer(connection, **ours | settings)

    def _partitions(self, key: bytes | None) -> list[TopicPartition]:
        partitions = partitions_of(self._consumer, self._topic, self._reachability)
        if key is None or self._grouped:
            return partitions
        return [partitions[partition_of(key, len(partitions))]]

    def _begin(self) -> None:
        if self._grouped:
            self._consumer.subscribe([self._topic], on_assign=self._take_over)
        else:
            starts = self._starts.items()
            self._consumer.assign([TopicPartition(self._topic, number, offset) for number, offset in starts])

    def _take_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Go on where the group was; where it never was, at this reader's start."""
        with translated_errors("the group's place could not be read"):
            places = consumer.committed(partitions, timeout=10)
            new = [place for place in places if place.offset < 0]
            for place in new:
                place.offset = self._starts.get(place.partition, OFFSET_BEGINNING)
            consumer.assign(places)
            # Whoever comes next, even if this one gets no list, starts from the same moment.
            settled = [place for place in new if place.offset >= 0]
            if settled:
                consumer.commit(offsets=settled, asynchronous=False)

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._MAX_POLL_EXCEEDED:
            log.warning("this reader asked for nothing for too long and joins its group again: %s", error.str())
        else:
            # The records that came along are handed over first.
            self._fault = error
        return False

    def _raise_fault(self) -> None:
        fault, self._fault = self._fault, None
        if fault is not None:
            raise BrokerUnavailable(f"reading {self._topic} failed: {fault.str()}")

    def _look_for_brokers(self) -> None:
        """librdkafka says when all brokers have gone and not when one is back: ask, until one answers."""
        away_s = self._reachability.away_for()
        if away_s is None:
            return
        try:
            self._consumer.list_topics(self._topic, timeout=PROBE_S)
        except KafkaException as error:
            if self._broker_timeout_s is not None and away_s > self._broker_timeout_s:
                unavailable = self._reachability.unavailable(away_s, error.args[0].str())
                # Whoever asks again is willing to wait again.
                self._reachability.wait_anew()
                raise unavailable from None
        else:
            self._reachability.answered()
