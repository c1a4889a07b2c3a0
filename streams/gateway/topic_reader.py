"""One reader of all viewed topics: it fills the store, and tells of the lists that come.

It goes on where the store says that it was. The store is made anew where that cannot be trusted: it was made
from other topics, or was last complete so long ago that tombstones may have gone unseen.
"""

import logging
import threading
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import msgspec
from confluent_kafka import KafkaException, Message, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.reading import (
    TIMEOUT_S,
    Span,
    assigned_consumer,
    available_span,
    partitions_of,
    waiting_messages,
)
from streams.gateway.arrivals import Arrivals, offset_of, place_of, told_apart
from streams.gateway.errors import StoreUnavailable
from streams.gateway.store import Place, Store
from streams.gateway.views import VIEWED, change_of

log = logging.getLogger(__name__)

POLL_S = 0.25
TOMBSTONES_LAST_S = 12 * 3600.0
"""Half of Kafka's default for delete.retention.ms: what was taken back longer ago may have left no trace."""
NOTED_EVERY_S = 60.0
"""How often it is noted, while records come, that the store is no older than now."""
QUIET_S = 30.0
"""While the broker is away, it is told so often."""


class Listener(Protocol):
    """Is told of lists, by the reader's thread."""

    def begin(self, offsets: dict[int, int]) -> None:
        """Everything has been read; whatever is told from now on stands at these offsets or behind them."""

    def arrived(self, records: Sequence[Message]) -> None:
        """Records of `recommendations`, in the order of each partition; the store knows them already."""


class Origin(NamedTuple):
    """What a store was made from, and when it last had read everything there was (unix time)."""

    topic_ids: dict[str, str]
    complete_at: float


class TopicReader:
    """Reads in a thread of its own, from `start` to `stop`."""

    def __init__(self, connection: KafkaConnection, store: Store, listener: Listener) -> None:
        self._connection = connection
        self._store = store
        self._listener = listener
        self._names = {connection.topic_prefix + topic.name: topic for topic in VIEWED}
        self._lists_topic = connection.topic_prefix + topics.RECOMMENDATIONS.name
        self._consumer = assigned_consumer(connection, enable_partition_eof=True)
        self._offsets: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._topic_ids: dict[str, str] = {}
        self._told_at = -QUIET_S
        self._noted_at = 0.0
        self._begun = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-reader", daemon=True)
        self.fault = ""
        """Why reading has ended by itself; "" while it has not."""

    def connect(self) -> None:
        """Find out from where on to read. Raises BrokerUnavailable or TopicMismatch where there is nothing to read."""
        spans = [
            available_span(self._consumer, partition)
            for name in self._names
            for partition in partitions_of(self._consumer, name)
        ]
        self._topic_ids = topic_ids(self._connection, self._names)
        if not is_usable(self._store, spans, Origin(self._topic_ids, time.time())):
            log.info("the local view begins with nothing and is made from the topics")
            self._store.clear()
            self._note_origin()
        known = self._store.offsets()
        self._offsets = {Place(s.topic, s.partition): known.get(Place(s.topic, s.partition), s.start) for s in spans}
        self._ends = {Place(s.topic, s.partition): s.end for s in spans}

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def behind(self) -> int:
        """How many offsets lie between what has been read and where the topics ended at the start."""
        return sum(max(end - self._offsets[place], 0) for place, end in self._ends.copy().items())

    def _run(self) -> None:
        self._consumer.assign([TopicPartition(p.topic, p.partition, offset) for p, offset in self._offsets.items()])
        self._reach(self._offsets)
        try:
            while not self._stopping.is_set():
                self._take(told_apart(waiting_messages(self._consumer, POLL_S)))
        except StoreUnavailable as error:
            self.fault = str(error)
            log.critical("%s", error)
        finally:
            self._consumer.close()

    def _take(self, arrived: Arrivals) -> None:
        records = arrived.records
        places = {place_of(record): offset_of(record) + 1 for record in records}
        if records:
            self._store.write([change_of(self._names[record.topic() or ""], record) for record in records], places)
            self._offsets |= places
            if self._begun and time.monotonic() - self._noted_at > NOTED_EVERY_S:
                self._note_origin()
        self._warn(arrived.trouble)
        for place in arrived.ended:
            self._ends.pop(place, None)
        if not self._begun:
            self._reach(places)
        elif lists := [record for record in records if record.topic() == self._lists_topic]:
            self._listener.arrived(lists)

    def _warn(self, trouble: str) -> None:
        """Of a broker that is away, not more often than anybody reads."""
        if trouble and time.monotonic() - self._told_at > QUIET_S:
            self._told_at = time.monotonic()
            log.warning("%s; reading goes on when the broker is back", trouble)

    def _reach(self, places: Iterable[Place]) -> None:
        """Whether these places have come to their ends; once all have, the listener is told to begin."""
        for place in places:
            if place in self._ends and self._offsets[place] >= self._ends[place]:
                del self._ends[place]
        if not self._ends:
            self._begun = True
            self._note_origin()
            log.info("everything has been read")
            self._listener.begin({p.partition: at for p, at in self._offsets.items() if p.topic == self._lists_topic})

    def _note_origin(self) -> None:
        """The store is as old as now: all there was has been read, or it begins anew."""
        self._store.note_origin(msgspec.json.encode(Origin(self._topic_ids, time.time())))
        self._noted_at = time.monotonic()


def is_usable(store: Store, spans: Iterable[Span], now: Origin) -> bool:
    """Whether what is missing from the store is exactly what its offsets say: the topics are the same, and so young
    a store has seen every tombstone."""
    if not store.origin:
        return False
    made = msgspec.json.decode(store.origin, type=Origin)
    if made.topic_ids != now.topic_ids or now.complete_at - made.complete_at > TOMBSTONES_LAST_S:
        return False
    known = store.offsets()
    return all(span.start <= known.get(Place(span.topic, span.partition), span.start) <= span.end for span in spans)


def topic_ids(connection: KafkaConnection, names: Iterable[str]) -> dict[str, str]:
    """Each topic's id, which is another one for a topic that was deleted and made again."""
    admin = AdminClient(connection.for_confluent())
    described = admin.describe_topics(TopicCollection(list(names)))
    try:
        return {name: str(found.result(TIMEOUT_S).topic_id) for name, found in described.items()}
    except KafkaException as error:
        raise BrokerUnavailable(f"the topics could not be described: {error.args[0].str()}") from None
