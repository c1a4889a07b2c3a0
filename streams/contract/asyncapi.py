"""All topics as an AsyncAPI 3 document, made of the message classes: `python -m streams.contract.asyncapi`.

Operations are told from nextup's side, as the specification has it: what it receives, others publish.
"""

import inspect
import json
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct

from streams.contract import email_messages, messages, schemas, topics
from streams.contract.connection import KafkaConnection, Mechanism
from streams.contract.topics import Topic, TopicLayout

FILE = Path(__file__).parent / "asyncapi.json"
VERSION = "3.0.0"
CONTRACT_VERSION = "1.0.0"
"""Its first number changes when a client of before could no longer read or write a topic."""
BINDING = "0.5.0"
INTRODUCTION = """\
Every purchase of a shop goes into Kafka; within milliseconds that customer's next five products are on a topic.

Keys are UTF-8 and partitioned with murmur2, the default of Kafka's Java client (librdkafka: murmur2_random).
Values are JSON in UTF-8; fields that are not named here are ignored. A record without a value takes back what stood
under its key; the one whose key is the single byte 0xFF takes back nothing: a worker writes it when it is given a
partition."""

Document: TypeAlias = dict[str, Any]


class Channel(Struct, frozen=True):
    """One topic: what lies on it, and whether nextup reads it from others or writes it."""

    topic: Topic
    action: Literal["receive", "send"]
    summary: str
    messages: tuple[type[Struct], ...] = ()
    """None where records are kept as they came."""


CHANNELS = (
    Channel(topics.PURCHASES, "receive", "What the shop sends", get_args(messages.Event)),
    Channel(topics.ITEMS, "receive", "The catalogue, if the shop publishes one", (messages.Item,)),
    Channel(topics.CUSTOMERS, "receive", "Who may be written to, and how", (email_messages.Customer,)),
    Channel(topics.RECOMMENDATIONS, "send", "The newest list of each customer", (messages.RecommendationList,)),
    Channel(
        topics.OUTCOMES, "send", "For each purchase: what of it had been on the list before it", (messages.Outcome,)
    ),
    Channel(
        topics.PURCHASE_LOG, "send", "Every accepted event once, as it was sent", (messages.Purchase, messages.Return)
    ),
    Channel(topics.MODEL_VERSIONS, "send", "Which version of a model serves", (messages.ModelVersion,)),
    Channel(topics.WORKER_STATES, "send", "Which versions each worker asks", (messages.WorkerState,)),
    Channel(topics.EMAIL_EVENTS, "send", "What became of each email", (email_messages.EmailEvent,)),
    Channel(topics.ERASURE_RECEIPTS, "send", "What an erasure removed, in numbers", (messages.ErasureReceipt,)),
    Channel(topics.DEAD_LETTERS, "send", "What could not be processed, with its bytes and the reason in headers"),
)

_SASL: dict[Mechanism, str] = {"PLAIN": "plain", "SCRAM-SHA-256": "scramSha256", "SCRAM-SHA-512": "scramSha512"}
_REASONS = ("error.class", "error.type", "error.text", "source.topic", "source.partition", "source.offset")
"""Headers of a dead letter, beside those that it came with."""


def generate(connection: KafkaConnection, layout: TopicLayout) -> Document:
    """The document for one cluster: its brokers, the prefix of its topics, their partitions."""
    document: Document = {
        "asyncapi": VERSION,
        "info": {
            "title": "nextup",
            "version": CONTRACT_VERSION,
            "description": INTRODUCTION,
            "license": {"name": "MIT", "url": "https://opensource.org/license/mit"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(connection),
        "channels": {channel.topic.name: _channel(channel, connection, layout) for channel in CHANNELS},
        "operations": dict(_operation(channel) for channel in CHANNELS),
        "components": {"schemas": _schemas()},
    }
    if connection.uses_sasl:
        document["components"]["securitySchemes"] = {"sasl": {"type": _SASL[connection.sasl_mechanism]}}
    return document


def render(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def committed_document() -> Document:
    """What is in the file: a local broker with the default layout."""
    return generate(KafkaConnection(), TopicLayout())


def _servers(connection: KafkaConnection) -> Document:
    protocol = "kafka-secure" if connection.uses_tls else "kafka"
    security = {"security": [{"$ref": "#/components/securitySchemes/sasl"}]} if connection.uses_sasl else {}
    hosts = connection.bootstrap_servers.split(",")
    return {
        f"broker-{number}": {"host": host, "protocol": protocol, **security} for number, host in enumerate(hosts, 1)
    }


def _channel(channel: Channel, connection: KafkaConnection, layout: TopicLayout) -> Document:
    topic = channel.topic
    binding = {
        "partitions": layout.partitions_of(topic),
        "replicas": layout.replication_factor,
        "topicConfiguration": {name: _setting(name, value) for name, value in topic.config.items()},
        "bindingVersion": BINDING,
    }
    return {
        "address": connection.topic_prefix + topic.name,
        "title": topic.name,
        "summary": channel.summary,
        "messages": _messages(channel),
        "bindings": {"kafka": binding},
    }


def _setting(name: str, value: str) -> list[str] | float:
    return value.split(",") if name == "cleanup.policy" else json.loads(value)


def _messages(channel: Channel) -> Document:
    key = {"kafka": {"key": {"type": "string", "description": channel.topic.key}, "bindingVersion": BINDING}}
    if not channel.messages:
        return {"AsItCame": _as_it_came() | {"bindings": key}}
    return {
        message.__name__: {
            "name": message.__name__,
            "summary": inspect.cleandoc(message.__doc__ or "").partition("\n\n")[0],
            "payload": {"$ref": f"#/components/schemas/{message.__name__}"},
            "bindings": key,
        }
        for message in channel.messages
    }


def _as_it_came() -> Document:
    headers = {name: {"type": "string"} for name in _REASONS}
    return {
        "name": "AsItCame",
        "summary": "The bytes of a record that could not be processed",
        "contentType": "application/octet-stream",
        "headers": {"type": "object", "properties": headers, "required": list(_REASONS)},
        "payload": {"type": "string", "format": "binary"},
    }


def _operation(channel: Channel) -> tuple[str, Document]:
    name = f"{channel.action}-{channel.topic.name}"
    return name, {
        "action": channel.action,
        "summary": channel.summary,
        "channel": {"$ref": f"#/channels/{channel.topic.name}"},
    }


def _schemas() -> Document:
    """The definitions in the published JSON Schemas, in one place."""
    published = schemas.generate()
    found: Document = {}
    for message in dict.fromkeys(message for channel in CHANNELS for message in channel.messages):
        found |= published[f"{message.__name__}.json"]["$defs"]
    placed: Document = json.loads(json.dumps(found).replace("#/$defs/", "#/components/schemas/"))
    return {name: schema | _described(schema) for name, schema in sorted(placed.items())}


def _described(schema: Document) -> Document:
    return {"description": inspect.cleandoc(schema["description"])} if "description" in schema else {}


if __name__ == "__main__":
    FILE.write_text(render(committed_document()))
