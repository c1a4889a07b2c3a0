"""The topics: their names, keys and settings; made where missing, refused where different."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)
from msgspec import Meta, Struct
from msgspec.structs import replace

from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.reachability import Reachability, topics_known
from streams.contract.topic_settings import Mismatch, mismatches

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


_ALWAYS = {
    # Moments of events are in the messages. By the stamp of a producer whose clock is wrong, or who sends what happened
    # years ago, a record would be deleted within minutes of its arrival.
    "message.timestamp.type": "LogAppendTime",
    "max.message.bytes": str(1_048_588),
}

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


def changelog(group: str, table: str) -> str:
    """The topic from which the workers of a group restore one of their tables, without the prefix."""
    return f"{group}-{table}-changelog"


def changelogs(group: str) -> tuple[Topic, ...]:
    """The topics that are a group of workers' own."""
    return tuple(Topic(changelog(group, table), "as the table's", _KEEP_NEWEST) for table in WORKER_TABLES)


WORKER_TABLES = ("histories", "known-events", "shadow-lists")


class TopicLayout(Struct, frozen=True, forbid_unknown_fields=True):
    """How wide and how safe the topics are. `partitions` bounds how many workers can share the work.

    `min_insync_replicas` is how many replicas must have a record before it counts as written; 0 stands for one less
    than there are, and for the only one where there is one.
    """

    partitions: int = 4
    replication_factor: int = 1
    min_insync_replicas: Annotated[int, Meta(ge=0)] = 0

    def partitions_of(self, topic: Topic) -> int:
        return self.partitions if topic.shares_partitions else 1

    def config_of(self, topic: Topic) -> dict[str, str]:
        """All settings of a topic."""
        in_sync = self.min_insync_replicas or max(1, self.replication_factor - 1)
        return _ALWAYS | {"min.insync.replicas": str(in_sync)} | topic.config


class _Existing(Struct, frozen=True):
    """A topic as the brokers have it: how wide, and with how many replicas."""

    partitions: int
    replicas: int


def ensure(
    connection: KafkaConnection, layout: TopicLayout, topics: Sequence[Topic] = TOPICS, *, fix: bool = False
) -> list[str]:
    """Create the topics that are missing and check the others; the names of those created.

    With `fix`, settings that differ are set to what is wanted. Raises TopicMismatch, which says what to do, where an
    existing topic differs from what is wanted all the same.
    """
    admin, existing = _connected(connection)
    _refuse_growth(connection, existing)
    missing = [topic for topic in topics if connection.topic_prefix + topic.name not in existing]
    created = _create(admin, connection, layout, missing)
    if len(created) < len(missing):
        _, existing = _connected(connection)
    _refuse_problems(admin, connection, layout, existing, [t for t in topics if t not in created], fix=fix)
    return [connection.topic_prefix + topic.name for topic in created]


def check(connection: KafkaConnection, layout: TopicLayout | None = None) -> int:
    """The number of partitions of `purchases`, once every topic is there and fits; else TopicMismatch.

    How many partitions there are is found out; how safe the topics must be is what `layout` says.
    """
    admin, existing = _connected(connection)
    missing = [t.name for t in TOPICS if connection.topic_prefix + t.name not in existing]
    if missing:
        raise TopicMismatch(f"topics are missing: {', '.join(missing)}; create them with: nextup topics")
    _refuse_growth(connection, existing)
    partitions = existing[connection.topic_prefix + PURCHASES.name].partitions
    layout = replace(layout or TopicLayout(), partitions=partitions)
    _refuse_problems(admin, connection, layout, existing, TOPICS, fix=False)
    return partitions


def _refuse_growth(connection: KafkaConnection, existing: Mapping[str, _Existing]) -> None:
    """TopicMismatch where `purchases` is wider than all that is as wide as it."""
    purchases = existing.get(connection.topic_prefix + PURCHASES.name)
    names = [connection.topic_prefix + t.name for t in TOPICS if t.shares_partitions and t != PURCHASES]
    others = {existing[name].partitions for name in names if name in existing}
    if purchases and len(others) == 1 and purchases.partitions > min(others):
        raise TopicMismatch(grown(connection.topic_prefix + PURCHASES.name, min(others), purchases.partitions))


def grown(purchases: str, before: int, now: int) -> str:
    """What it means that `purchases` has been given more partitions, and what to do."""
    return (
        f"{purchases} was given partitions: it has {now}, and all that follows from it has {before}. Customers are "
        "bound to partitions by their keys, so many of them now belong to another one than their history lies in, and "
        "Kafka takes no partition back. Let the workers that run finish, and start none again: none would start. Then "
        "choose another kafka.topic_prefix, create its topics with: nextup topics, and publish there what is on "
        "purchase-log, the dead letters of class wrong-partition, and what lies in the partitions of "
        f"{purchases} from {before} on"
    )


def _connected(connection: KafkaConnection) -> tuple[AdminClient, dict[str, _Existing]]:
    """A client, and the topics that there are."""
    reachability = Reachability(connection.bootstrap_servers)
    admin = AdminClient(connection.for_confluent(error_cb=reachability.told))
    known = topics_known(admin, reachability, TIMEOUT_S)
    return admin, {name: _existing(topic.partitions.values()) for name, topic in known.items()}


def _existing(partitions: Collection[Any]) -> _Existing:
    return _Existing(len(partitions), min((len(each.replicas) for each in partitions), default=0))


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
        config=layout.config_of(topic),
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


def _refuse_problems(
    admin: AdminClient,
    connection: KafkaConnection,
    layout: TopicLayout,
    existing: Mapping[str, _Existing],
    topics: Iterable[Topic],
    *,
    fix: bool,
) -> None:
    problems: list[str] = []
    differing: list[Mismatch] = []
    for topic in topics:
        name = connection.topic_prefix + topic.name
        wanted = layout.partitions_of(topic)
        if existing[name].partitions != wanted:
            problems.append(_partition_advice(topic, name, existing[name].partitions, wanted))
        if existing[name].replicas < layout.replication_factor:
            problems.append(_replica_advice(name, existing[name].replicas, layout.replication_factor))
        differing += mismatches(name, layout.config_of(topic), _config(admin, name))
    if fix:
        _fix(admin, differing)
    else:
        problems += [mismatch.advice for mismatch in differing]
    if problems:
        raise TopicMismatch("\n".join(problems))


def _fix(admin: AdminClient, differing: Iterable[Mismatch]) -> None:
    for each in differing:
        entry = ConfigEntry(each.setting, each.wanted, incremental_operation=AlterConfigOpType.SET)
        resource = ConfigResource(ResourceType.TOPIC, each.topic, incremental_configs=[entry])
        try:
            admin.incremental_alter_configs([resource], request_timeout=TIMEOUT_S)[resource].result()
        except KafkaException as error:
            raise TopicMismatch(f"{each.topic}: {each.setting} could not be set: {error.args[0].str()}") from None


def _replica_advice(name: str, found: int, wanted: int) -> str:
    return (
        f"{name} has {found} replicas, wanted {wanted}; raise them with kafka-reassign-partitions, or set "
        f"replication_factor = {found} under [topics]"
    )


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
