"""The worker process: a Faust app that carries purchases to lists."""

import asyncio
import logging
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple, NoReturn

import faust
import uvloop
from aiokafka import AIOKafkaProducer
from mode.loop import use as use_loop
from msgspec.structs import replace

from serving.fallback import RecentPopularity
from serving.model_repository import ModelRepository
from serving.triton import TritonClient, TritonSettings
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Purchase
from streams.contract.reading import read_to_end
from streams.contract.topics import TopicLayout
from streams.worker import faust_internals, state_folder
from streams.worker.answering import Answer, Answering
from streams.worker.batch import StateTable
from streams.worker.catalogue import Catalogue
from streams.worker.durable_agent import DurableAgent
from streams.worker.ending import EndingWorker
from streams.worker.fenced_producer import FencedProducer
from streams.worker.followed_topic import FollowedTopic
from streams.worker.metrics import Metrics
from streams.worker.model_switch import ModelSwitch
from streams.worker.oversight import Oversight
from streams.worker.purchase_journey import Forgotten, JourneyTopics, PurchaseJourney, Step
from streams.worker.rolling_writes import RollingWrites, running
from streams.worker.settings import WorkerSettings
from streams.worker.source_topic import Incarnations, SourceTopic
from streams.worker.worker_states import WorkerStates, worker_name

log = logging.getLogger(__name__)

LOG_TAIL = 5_000
"""Newest log records per partition from which the fallback's popularity starts."""
MAX_RECORD_BYTES = 4 << 20
"""A dead letter carries an event that may itself be over the contract's limit."""
ASK_AGAIN_S = 1.0
"""Between two questions for partitions while the source topic is missing."""

LOG_FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"


class WorkerParts(NamedTuple):
    """What a worker is made of, before Faust comes in."""

    journey: PurchaseJourney
    topics: JourneyTopics
    switch: ModelSwitch
    source: SourceTopic
    followed: list[FollowedTopic]


def run(
    kafka: KafkaConnection,
    layout: TopicLayout,
    triton: TritonSettings,
    settings: WorkerSettings,
    repository: str,
    model_name: str,
) -> NoReturn:
    """Run a worker in this process until it is told to stop (SIGTERM, SIGINT) or cannot go on.

    Raises TopicMismatch, BrokerUnavailable or WorkerError before anything is consumed.
    """
    use_loop("uvloop")
    _set_up_logging(settings.log_level)
    with Oversight(kafka, settings) as oversight, state_folder.taken(settings.datadir):
        partitions = topics.check(kafka, layout)
        topics.ensure(kafka, replace(layout, partitions=partitions), topics.changelogs(settings.group))
        parts = assemble(kafka, triton, settings, repository, model_name, partitions, oversight.metrics)
        _serve(kafka, settings, parts, partitions, oversight)


def _serve(
    kafka: KafkaConnection, settings: WorkerSettings, parts: WorkerParts, partitions: int, oversight: Oversight
) -> NoReturn:
    for followed in parts.followed:
        followed.start()
    app = build_app(kafka, settings, parts, partitions, oversight)
    loop = uvloop.new_event_loop()
    oversight.watch(app, loop, partitions, parts.source)
    EndingWorker(app, settings, loop).run()


def assemble(
    kafka: KafkaConnection,
    triton: TritonSettings,
    settings: WorkerSettings,
    repository: str,
    model_name: str,
    partitions: int,
    metrics: Metrics,
) -> WorkerParts:
    """Everything but Faust: the journey of an event, and the topics that the worker follows beside it."""
    prefix = kafka.topic_prefix
    catalogue = Catalogue()
    switch = ModelSwitch(ModelRepository(repository), model_name)
    names = journey_topics(prefix, settings.group)
    popularity = _popularity(kafka, settings, names.log)
    source = SourceTopic(kafka, prefix + settings.group, prefix + topics.PURCHASES.name)
    journey = PurchaseJourney(
        names,
        Answering(switch, TritonClient(triton), popularity, metrics),
        catalogue,
        popularity,
        Incarnations(names.known_events, source.topic_id, source.group, source.first_offset),
        k=settings.k,
        history_lines=settings.history_lines,
        n_partitions=partitions,
        clock=_now,
        metrics=metrics,
    )
    return WorkerParts(
        journey,
        names,
        switch,
        source,
        [
            FollowedTopic(kafka, prefix + topics.ITEMS.name, catalogue.on_record),
            FollowedTopic(kafka, prefix + topics.MODEL_VERSIONS.name, switch.on_record),
        ],
    )


def journey_topics(prefix: str, group: str) -> JourneyTopics:
    """Full topic names. What only workers read is named after their consumer group."""
    return JourneyTopics(
        log=prefix + topics.PURCHASE_LOG.name,
        outcomes=prefix + topics.OUTCOMES.name,
        dead_letters=prefix + topics.DEAD_LETTERS.name,
        receipts=prefix + topics.ERASURE_RECEIPTS.name,
        histories=StateTable("histories", prefix + topics.changelog(group, "histories"), newest_only=True),
        known_events=StateTable("known-events", prefix + topics.changelog(group, "known-events"), newest_only=True),
        lists=StateTable("lists", prefix + topics.RECOMMENDATIONS.name, newest_only=False),
        shadows=StateTable("shadows", prefix + topics.changelog(group, "shadow-lists"), newest_only=True),
    )


def build_app(
    kafka: KafkaConnection, settings: WorkerSettings, parts: WorkerParts, partitions: int, oversight: Oversight
) -> faust.App:
    """The Faust app: its source, its tables, and the one agent that runs the journey."""
    faust_internals.await_deliveries_directly()
    faust_internals.seek_with_flow_stopped()
    faust_internals.stand_rebalances()
    faust_internals.read_committed()
    app = faust.App(
        kafka.topic_prefix + settings.group,
        broker=[f"kafka://{server.strip()}" for server in kafka.bootstrap_servers.split(",")],
        broker_credentials=_credentials(kafka),
        broker_commit_interval=settings.commit_interval_s,
        broker_session_timeout=10.0,
        broker_heartbeat_interval=2.0,
        broker_request_timeout=30.0,
        consumer_group_instance_id=settings.instance_id or None,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
        store="rocksdb://",
        datadir=settings.datadir,
        table_standby_replicas=0,
        topic_partitions=partitions,
        topic_disable_leader=True,
        web_enabled=False,
    )
    source = _bytes_topic(app, kafka.topic_prefix + topics.PURCHASES.name, partitions)
    tables = {table.name: _table(app, table, partitions) for table in parts.topics.tables}
    name, states_topic = worker_name(settings.instance_id), kafka.topic_prefix + topics.WORKER_STATES.name

    def assigned() -> set[int]:
        return _assigned(app, source)

    producer = FencedProducer(partial(_producer, kafka), kafka.topic_prefix + settings.group, parts.topics.compacted)

    async def take_over(partitions: frozenset[int]) -> None:
        if partitions - faust_internals.assigned_partitions(app, source.get_topic_name()):
            log.warning("partitions were assigned while %s was missing; asking for others", source.get_topic_name())
            await asyncio.sleep(ASK_AGAIN_S)
            faust_internals.ask_for_partitions(app)
            return
        await producer.claim(partitions)
        await asyncio.to_thread(parts.source.look_for_losses, partitions)

    faust_internals.before_recovery(app, take_over)

    @app.agent(source, concurrency=1, name="purchases")  # type: ignore[untyped-decorator]
    async def purchases(stream: Any) -> None:
        async with producer:
            agent: DurableAgent[Step | Forgotten, Answer] = DurableAgent(
                app,
                parts.journey,
                tables,
                producer,
                max_batch=settings.max_batch,
                in_flight=settings.batches_in_flight,
                metrics=oversight.metrics,
            )
            rolling = RollingWrites(producer, parts.topics.compacted, settings.rolling_write_s)
            states = WorkerStates(producer, states_topic, name, parts.switch, assigned, _now)
            oversight.pulse.agent = agent
            await parts.journey.warm_up()
            async with running(rolling.run()), running(states.run()):
                await agent.run(stream)

    return app


def _now() -> datetime:
    return datetime.now(UTC)


def _assigned(app: faust.App, source: Any) -> set[int]:
    """The partitions that are this worker's now."""
    name = source.get_topic_name()
    return {tp.partition for tp in app.assignor.assigned_actives() if tp.topic == name}


def _bytes_topic(app: faust.App, name: str, partitions: int, **more: Any) -> Any:
    # Both type and serializer: with a type alone Faust still tries to read JSON.
    raw = {"key_type": bytes, "key_serializer": "raw", "value_type": bytes, "value_serializer": "raw"}
    return app.topic(name, partitions=partitions, **raw, **more)


def _table(app: faust.App, table: StateTable, partitions: int) -> Any:
    """A table whose changelog has the name we say; RocksDB with caches of a size for many partitions."""
    changelog = _bytes_topic(
        app,
        table.changelog,
        partitions,
        acks=False,
        internal=True,
        compacting=True,
    )
    return app.Table(
        table.name,
        key_type=bytes,
        value_type=bytes,
        partitions=partitions,
        changelog_topic=changelog,
        options={"driver": "rocksdict", "block_cache_size": 16 << 20, "write_buffer_size": 16 << 20},
    )


def _producer(kafka: KafkaConnection, transactional_id: str | None) -> AIOKafkaProducer:
    """A producer of our own: Faust's buffers sends and does not say when they arrived."""
    return AIOKafkaProducer(
        transactional_id=transactional_id,
        bootstrap_servers=kafka.bootstrap_servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=1 << 20,
        max_request_size=MAX_RECORD_BYTES,
        security_protocol=kafka.security_protocol,
        ssl_context=kafka.ssl_context(),
        sasl_mechanism=kafka.sasl_mechanism if kafka.uses_sasl else "PLAIN",
        sasl_plain_username=kafka.sasl_username or None,
        sasl_plain_password=kafka.sasl_password or None,
    )


def _credentials(kafka: KafkaConnection) -> Any:
    context = kafka.ssl_context()
    if kafka.uses_sasl:
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password,
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None


def _popularity(kafka: KafkaConnection, settings: WorkerSettings, log_topic: str) -> RecentPopularity:
    """What was popular when this worker last ran, or other workers run: from the tail of the log."""
    popularity = RecentPopularity(settings.popularity_half_life_days)
    now = datetime.now(UTC)
    for message in read_to_end(kafka, log_topic, tail=LOG_TAIL):
        value = message.value()
        event = _logged(value, now) if value else None
        if isinstance(event, Purchase):
            for line in event.items:
                popularity.add(line.item_id, event.occurred_at.timestamp())
    return popularity


def _logged(value: bytes, now: datetime) -> messages.Event | None:
    try:
        return messages.event_from_json(value)
    except InvalidEvent as error:
        log.warning("a record of the log is skipped: %s", error)
        return None


def _set_up_logging(level: str) -> None:
    logging.basicConfig(level=level, format=LOG_FORMAT)
    # Faust turns the libraries' loggers to DEBUG: building and dropping a record per send costs a tenth
    # of the worker. While a broker is away aiokafka would also write thousands of lines.
    for name in ("aiokafka", "asyncio", "grpc"):
        logging.getLogger(name).setLevel(logging.WARNING)
