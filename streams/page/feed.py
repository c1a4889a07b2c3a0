"""One reader of the topics for all pages, in a thread of its own: however many look, the broker is asked once."""

import logging
import threading
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.reachability import Reachability
from streams.contract.reading import assigned_consumer, available_span, partitions_of, waiting_messages
from streams.gateway.arrivals import Arrivals, told_apart
from streams.gateway.store import Place
from streams.page.watch import Watch

log = logging.getLogger(__name__)

POLL_S = 0.1
PROBE_S = 1.0
AGAIN_S = 2.0
MOST_AT_ONCE = 500
ALL = None
LOOK_BACK: dict[str, int | None] = {
    topics.ITEMS.name: ALL,
    topics.MODEL_VERSIONS.name: ALL,
    topics.PURCHASE_LOG.name: 2_000,
    topics.OUTCOMES.name: 500,
    topics.RECOMMENDATIONS.name: 10,
    topics.WORKER_STATES.name: 20,
    topics.DEAD_LETTERS.name: 5,
    topics.PURCHASES.name: 0,
}
"""Each topic that is read, and how many of the newest records of a partition are read at the start."""


class Feed:
    """Reads from `start` to `stop`, and tells `watch`."""

    def __init__(self, connection: KafkaConnection, watch: Watch) -> None:
        self._connection = connection
        self._watch = watch
        self._reachability = Reachability(connection.bootstrap_servers)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="page-feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def broker_is_away(self) -> bool:
        return self._reachability.away_for() is not None

    def _run(self) -> None:
        consumer = assigned_consumer(self._connection, error_cb=self._reachability.told, enable_partition_eof=True)
        try:
            unread = self._begin(consumer)
            while not self._stopping.is_set():
                arrived = told_apart(waiting_messages(consumer, POLL_S, MOST_AT_ONCE))
                self._take(arrived)
                if unread and not (unread := unread - arrived.ended):
                    self._watch.begin()
                self._look_for_brokers(consumer)
        finally:
            consumer.close()

    def _begin(self, consumer: Consumer) -> set[Place]:
        """All partitions that are read from now on."""
        while not self._stopping.is_set():
            try:
                partitions = list(starts(consumer, self._connection.topic_prefix))
            except (BrokerUnavailable, TopicMismatch) as error:
                log.warning("the page has nothing to read yet: %s", error)
                self._stopping.wait(AGAIN_S)
            else:
                consumer.assign(partitions)
                return {Place(one.topic, one.partition) for one in partitions}
        return set()

    def _take(self, arrived: Arrivals) -> None:
        prefix = len(self._connection.topic_prefix)
        for record in arrived.records:
            self._watch.told((record.topic() or "")[prefix:], record)
        if arrived.records:
            self._reachability.answered()

    def _look_for_brokers(self, consumer: Consumer) -> None:
        """librdkafka says when all brokers have gone and not when one is back: ask, until one answers."""
        if not self.broker_is_away:
            return
        try:
            consumer.list_topics(timeout=PROBE_S)
        except KafkaException:
            return
        self._reachability.answered()


def starts(consumer: Consumer, prefix: str) -> Iterator[TopicPartition]:
    """Where reading begins in each partition; BrokerUnavailable or TopicMismatch where there is none."""
    for name, look_back in LOOK_BACK.items():
        for partition in partitions_of(consumer, prefix + name):
            span = available_span(consumer, partition)
            start = span.start if look_back is ALL else max(span.start, span.end - look_back)
            yield TopicPartition(span.topic, span.partition, start)
