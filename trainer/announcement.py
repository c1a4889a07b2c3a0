"""What the topic `model-versions` says: which version of a model answers, and since when."""

from datetime import UTC, datetime

import msgspec
from confluent_kafka import KafkaError, Message, Producer

from serving.model_repository import Metadata
from streams.contract import messages
from streams.contract.connection import NOTHING_LOST, KafkaConnection
from streams.contract.errors import BrokerUnavailable
from streams.contract.messages import Decision, ModelVersion
from streams.contract.reading import read_to_end
from streams.contract.topics import MODEL_VERSIONS
from trainer.swaps.records import successor

DELIVERY_TIMEOUT_S = 30.0


def announced(connection: KafkaConnection, name: str) -> ModelVersion | None:
    """The version of a model that was announced last, if any was."""
    newest: ModelVersion | None = None
    for message in read_to_end(connection, connection.topic_prefix + MODEL_VERSIONS.name):
        value = message.value()
        if message.key() == name.encode() and value is not None:
            try:
                newest = messages.model_version.decode(value)
            except msgspec.MsgspecError:
                continue  # a foreign record is no announcement; the workers pass it over, too
    return newest


def announce(
    connection: KafkaConnection, metadata: Metadata, reason: str, decision: Decision | None = None
) -> ModelVersion:
    """Tell the workers to switch to a version, and return once the broker has taken it.

    Raises BrokerUnavailable where it has not: then the workers may switch or not, and the announcement
    may be repeated.
    """
    version = successor(metadata, None, datetime.now(UTC), reason, decision)
    send(connection, version)
    return version


def announce_decision(connection: KafkaConnection, name: str, decision: Decision) -> None:
    """Put a decision beside the version that answers, which goes on answering.

    Where no version was ever announced there is no record to put it on, and nothing is sent.
    """
    standing = announced(connection, name)
    if standing is not None:
        send(connection, msgspec.structs.replace(standing, decision=decision))


def send(connection: KafkaConnection, version: ModelVersion) -> None:
    """Put a record on `model-versions`; BrokerUnavailable where the broker did not take it."""
    failures: list[str] = []

    def on_delivery(error: KafkaError | None, _message: Message) -> None:
        if error is not None:
            failures.append(error.str())

    producer = Producer(
        connection.for_confluent(
            **NOTHING_LOST,
            partitioner="murmur2_random",
            delivery_timeout_ms=int(DELIVERY_TIMEOUT_S * 1000),
        )
    )
    producer.produce(
        connection.topic_prefix + MODEL_VERSIONS.name,
        key=version.name.encode(),
        value=messages.encode(version),
        on_delivery=on_delivery,
    )
    if producer.flush(DELIVERY_TIMEOUT_S + 1) or failures:
        raise BrokerUnavailable(
            f"{version.name} version {version.version} could not be announced: {', '.join(failures) or 'no answer'}"
        )
