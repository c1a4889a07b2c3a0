"""`nextup erase`: forget a customer, and wait until it is done."""

import time
import uuid
from datetime import UTC, datetime

import click
from confluent_kafka import Consumer, Message, TopicPartition

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.clients.publisher import PurchasePublisher
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import Unanswered
from streams.contract.messages import Erasure, ErasureReceipt
from streams.contract.reading import assigned_consumer, available_span, partitions_of, waiting_messages
from streams.contract.topics import DAY_MS, Topic


@click.command()
@click.argument("user_id", metavar="USER")
@click.option(
    "--timeout", "timeout_s", type=click.FloatRange(min=0, min_open=True), default=30.0, show_default=True,
    help="Seconds to wait for the worker.",
)  # fmt: skip
@pass_settings
def erase(settings: Settings, user_id: str, timeout_s: float) -> None:
    """Forget the customer USER: history, list, and every event in the log.

    Returns when the worker has done so, with what it found. What the customer buys later starts anew.
    """
    receipt = erased(settings.kafka, user_id, timeout_s)
    out.print(f"{user_id} was erased at {receipt.erased_at:%Y-%m-%d %H:%M:%S} UTC; receipt {receipt.event_id}")
    out.print(f"  {receipt.log_records} log records, {receipt.histories} histories, {receipt.lists} lists taken back")
    for line in _remains():
        out.print(f"  {line}", soft_wrap=True)


def erased(connection: KafkaConnection, user_id: str, timeout_s: float) -> ErasureReceipt:
    """Publish an erasure and wait for its receipt; Unanswered where none came within `timeout_s`."""
    erasure = Erasure(f"erasure-{uuid.uuid4()}", user_id, datetime.now(UTC))
    consumer = assigned_consumer(connection)
    try:
        _listen_from_now(consumer, connection.topic_prefix + topics.ERASURE_RECEIPTS.name)
        with PurchasePublisher(connection) as publisher:
            publisher.publish_and_wait(erasure)
        return _receipt(consumer, erasure.event_id, time.monotonic() + timeout_s)
    except TimeoutError:
        raise Unanswered(
            f"no worker answered within {timeout_s:g} s; the erasure {erasure.event_id} is published and will be "
            "carried out as soon as a worker runs: nextup worker"
        ) from None
    finally:
        consumer.close()


def _listen_from_now(consumer: Consumer, topic: str) -> None:
    """Settle where to read from before the erasure is published, so that no answer can be too early."""
    spans = [available_span(consumer, partition) for partition in partitions_of(consumer, topic)]
    consumer.assign([TopicPartition(topic, span.partition, span.end) for span in spans])


def _receipt(consumer: Consumer, event_id: str, deadline: float) -> ErasureReceipt:
    while time.monotonic() < deadline:
        for message in waiting_messages(consumer, timeout_s=0.2):
            if _answers(message, event_id):
                return messages.erasure_receipt.decode(message.value() or b"")
    raise TimeoutError


def _answers(message: Message, event_id: str) -> bool:
    return message.error() is None and message.key() == event_id.encode()


def _remains() -> list[str]:
    """What an erasure does not reach at once, and when that is gone."""
    compacted = int(topics.PURCHASE_LOG.config["max.compaction.lag.ms"]) // DAY_MS
    tombstones = int(topics.PURCHASE_LOG.config["delete.retention.ms"]) // DAY_MS
    return [
        "the worker's own files on disk drop what it deleted when RocksDB next compacts them",
        f"the bytes leave the compacted topics when the broker next cleans them, within about {compacted} day; the "
        f"ids in the log's tombstones after {tombstones} days more",
        "kept for their time, and then deleted: "
        + ", ".join(f"{t.name} {_days(t)} days" for t in (topics.PURCHASES, topics.DEAD_LETTERS)),
    ]


def _days(topic: Topic) -> int:
    return int(topic.config["retention.ms"]) // DAY_MS
