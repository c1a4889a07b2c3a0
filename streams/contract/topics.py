"""The topics: their names, keys and settings; made where missing, refused where different."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from msgspec import Struct

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.reachability import Reachability, topics_known

HOUR_MS = 3600 * 1000
DAY_MS = 24 * HOUR_MS
TIMEOUT_S = 10.0


class Topic(Struct, frozen=True):
    """One topic as it should be. `shares_partitions`: as many partitions as `purchases`, because the
    worker writes a user's records to the partition that the user's purchases came from."""

    name: str
    key: str
    config: dict[str, str]
    shares_partitions: bool = True


_KEEP_NEWEST = {
    "cleanup.policy": "compact",
    # What a newer record has replaced, or a tombstone has taken back, is gone from the disk within a day.
    # The segment that is being written is never cleaned, so it is closed by the hour.
    "segment.ms": str(HOUR_MS),
    "max.compaction.lag.ms": str(DAY_MS),
    "min.cleanable.dirty.ratio": "0.1",
}


def _keep_days(days: int) -> dict[str, str]:
    # A segment goes as a whole, when its newest record is old enough; without its limit the oldest stays a week longer.
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS), "segment.ms": str(DAY_MS)}


# An event over the contract's size limit must still get in, to end as a dead letter with its bytes.
_LARGE = {"max.message.bytes": str(4 << 20)}

PURCHASES = Topic("purchases", "user_id", _keep_days(14) | _LARGE)
PURCHASE_LOG = Topic(
    "purchase-log",
    "user_id + event_id",
    # Tombstones stay long enough for a trainer that was down for two weeks to see them.
    _KEEP_NEWEST | {"delete.retention.ms": str(14 * DAY_MS)},
)
RECOMMENDATIONS = Topic("recommendations", "user_id", _KEEP_NEWEST)
OUTCOMES = Topic(
    "recommendation-outcomes",
    "user_id + event_id",
    # Compacted as well, so that an erasure reaches them, and one that is sent again after a crash is no second one.
    _KEEP_NEWEST | {"cleanup.policy": "compact,delete", "retention.ms": str(30 * DAY_MS)},
)
MODEL_VERSIONS = Topic("model-versions", "model name", _KEEP_NEWEST, shares_partitions=False)
WORKER_STATES = Topic(
    "worker-states",
    "worker",
    # A worker that is gone says nothing more: a day later it is forgotten.
    _KEEP_NEWEST | {"cleanup.policy": "compact,delete", "retention.ms": str(DAY_MS)},
    shares_partitions=False,
)
ITEMS = Topic("items", "item_id", _KEEP_NEWEST, shares_partitions=False)
CUSTOMERS = Topic("customers", "user_id", _KEEP_NEWEST)
EMAIL_EVENTS = Topic(
    "email-events",
    "user_id + event_id",
    # Compacted as well, for the same reasons as outcomes.
    _KEEP_NEWEST | {"cleanup.policy": "compact,delete", "retention.ms": str(180 * DAY_MS)},
)
DEAD_LETTERS = Topic("dead-letters", "source key", _keep_days(30) | _LARGE)
ERASURE_RECEIPTS = Topic("erasure-receipts", "erasure's event_id", _keep_days(30))

TOPICS = (
    PURCHASES,
    PURCHASE_LOG,
    RECOMMENDATIONS,
    OUTCOMES,
    MODEL_VERSIONS,
    WORKER_STATES,
    ITEMS,
    CUSTOMERS,
    EMAIL_EVENTS,
    DEAD_LETTERS,
    ERASURE_RECEIPTS,
)

CHANGELOG_CONFIG = _KEEP_NEWEST
"""Settings of the topics from which a worker restores its state; they are made by the worker itself."""


class TopicLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """How wide and how safe the topics are. `partitions` bounds how many workers can share the work."""

    partitions: int = 4
    replication_factor: int = 1

    def partitions_of(self, topic: Topic) -> int:
        return self.partitions if topic.shares_partitions else 1


def ensure(connection: KafkaConnection, layout: TopicLayout) -> list[str]:
    """Create the topics that are missing and check the others; the names of those created.

    Raises TopicMismatch, which says what to do, where an existing topic differs from what is wanted.
    """
    admin, existing = _connected(connection)
    missing = [topic for topic in TOPICS if connection.topic_prefix + topic.name not in existing]
    created = _create(admin, connection, layout, missing)
    if len(created) < len(missing):
        _, existing = _connected(connection)
    problems = _problems(admin, connection, layout, existing, [t for t in TOPICS if t not in created])
    if problems:
        raise TopicMismatch("\n".join(problems))
    return [connection.topic_prefix + topic.name for topic in created]


def check(connection: KafkaConnection) -> int:
    """The number of partitions of `purchases`, once every topic is there and fits; else TopicMismatch."""
    admin, existing = _connected(connection)
    missing = [t.name for t in TOPICS if connection.topic_prefix + t.name not in existing]
    if missing:
        raise TopicMismatch(f"topics are missing: {', '.join(missing)}; create them with: nextup topics")
    layout = TopicLayout(partitions=existing[connection.topic_prefix + PURCHASES.name])
    problems = _problems(admin, connection, layout, existing, TOPICS)
    if problems:
        raise TopicMismatch("\n".join(problems))
    return layout.partitions


def _connected(connection: KafkaConnection) -> tuple[AdminClient, dict[str, int]]:
    """A client, and how many partitions each topic has that there is."""
    reachability = Reachability(connection.bootstrap_servers)
    admin = AdminClient(connection.for_confluent(error_cb=reachability.told))
    known = topics_known(admin, reachability, TIMEOUT_S)
    return admin, {name: len(topic.partitions) for name, topic in known.items()}


def _create(
    admin: AdminClient, connection: KafkaConnection, layout: TopicLayout, topics: Iterable[Topic]
) -> list[Topic]:
    """Those that were created now; another start at the same moment may have made some of them already."""
    by_name = {connection.topic_prefix + topic.name: topic for topic in topics}
    if not by_name:
        return []
    created = []
    new = [_new_topic(name, topic, layout) for name, topic in by_name.items()]
    for name, done in admin.create_topics(new, operation_timeout=TIMEOUT_S).items():
        try:
            done.result()
            created.append(by_name[name])
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicMismatch(f"{name} could not be created: {error.args[0].str()}") from None
    _await_leaders(admin, set(by_name))
    return created


def _new_topic(name: str, topic: Topic, layout: TopicLayout) -> NewTopic:
    return NewTopic(
        name,
        num_partitions=layout.partitions_of(topic),
        replication_factor=layout.replication_factor,
        config=topic.config,
    )


def _await_leaders(admin: AdminClient, names: set[str]) -> None:
    """A topic is made a moment before brokers tell of it; whoever comes next must not find it missing."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        found = admin.list_topics(timeout=TIMEOUT_S).topics
        partitions = [list(found[name].partitions.values()) if name in found else [] for name in names]
        if all(some and all(partition.leader >= 0 for partition in some) for some in partitions):
            return
        time.sleep(0.05)
    raise BrokerUnavailable(f"topics were created, but have no leader after {TIMEOUT_S:.0f} s: {', '.join(names)}")


def _problems(
    admin: AdminClient,
    connection: KafkaConnection,
    layout: TopicLayout,
    existing: Mapping[str, int],
    topics: Iterable[Topic],
) -> list[str]:
    problems = []
    for topic in topics:
        name = connection.topic_prefix + topic.name
        wanted = layout.partitions_of(topic)
        if existing[name] != wanted:
            problems.append(_partition_advice(topic, name, existing[name], wanted))
        for setting, value in _config(admin, name).items():
            if setting == "cleanup.policy" and value != topic.config[setting]:
                problems.append(
                    f"{name} has cleanup.policy={value}, wanted {topic.config[setting]}; change it with: "
                    f"kafka-configs --alter --topic {name} --add-config cleanup.policy={topic.config[setting]}"
                )
    return problems


def _partition_advice(topic: Topic, name: str, found: int, wanted: int) -> str:
    if not topic.shares_partitions:
        return f"{name} has {found} partitions, wanted {wanted}; delete it and run: nextup topics"
    return (
        f"{name} has {found} partitions, wanted {wanted}. Users are bound to partitions, so the count cannot be "
        f"changed in place: set partitions = {found} under [topics], or choose another kafka.topic_prefix and "
        "publish the history anew"
    )


def _config(admin: AdminClient, name: str) -> dict[str, Any]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        entries = admin.describe_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
    except KafkaException as error:
        raise TopicMismatch(f"{name}: its settings could not be read: {error.args[0].str()}") from None
    return {key: entry.value for key, entry in entries.items()}
