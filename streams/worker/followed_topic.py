"""Follow a compacted topic from its beginning, for as long as the worker runs."""

import logging
import threading
from collections.abc import Callable

from confluent_kafka import Consumer, Message

from streams.contract.connection import KafkaConnection
from streams.contract.reading import assigned_consumer, partitions_of, read_to_end

log = logging.getLogger(__name__)


class FollowedTopic:
    """Calls `on_record(key, value)` for every record of a topic: first, in `start`, for all that are
    there, then from a thread of its own for each that comes. A value of None is a tombstone.

    The topic's records are few (a catalogue, model versions), and every worker sees all of them.
    """

    def __init__(
        self, connection: KafkaConnection, topic: str, on_record: Callable[[bytes, bytes | None], None]
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._on_record = on_record
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name=f"follow-{topic}", daemon=True)
        self._next: dict[int, int] = {}
        self._consumer: Consumer

    def start(self) -> None:
        """Returns when everything that is on the topic now has been seen.

        Raises BrokerUnavailable or TopicMismatch where there is nothing to follow.
        """
        for message in read_to_end(self._connection, self._topic):
            self._take(message)
        self._consumer = assigned_consumer(self._connection)
        partitions = partitions_of(self._consumer, self._topic)
        for partition in partitions:
            partition.offset = self._next.get(partition.partition, partition.offset)
        self._consumer.assign(partitions)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _follow(self) -> None:
        while not self._stop.is_set():
            message = self._consumer.poll(0.25)
            if message is None:
                continue
            error = message.error()
            if error is None:
                self._take(message)
            else:
                log.warning("following %s: %s", self._topic, error.str())
        self._consumer.close()

    def _take(self, message: Message) -> None:
        """A record that cannot be used is skipped: one bad record must not end the following."""
        partition, offset, key = message.partition(), message.offset(), message.key()
        if partition is not None and offset is not None:
            self._next[partition] = offset + 1
        if not isinstance(key, bytes):
            log.warning("%s: the record at offset %s has no key and is skipped", self._topic, offset)
            return
        self._on_record(key, message.value())
