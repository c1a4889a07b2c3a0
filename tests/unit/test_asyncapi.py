"""The AsyncAPI document is that of the classes and topics, and of the cluster that it is made for."""

import json

from click.testing import CliRunner

from deploy.cli import main
from streams.contract import asyncapi, schemas, topics
from streams.contract.connection import KafkaConnection
from streams.contract.topics import TopicLayout

SECURED = KafkaConnection("one:9093,two:9093", "SASL_SSL", sasl_password="swordfish", topic_prefix="shop.")  # noqa: S106


def test_the_committed_document_is_that_of_the_classes() -> None:
    committed = asyncapi.FILE.read_text()
    assert committed == asyncapi.render(asyncapi.committed_document()), (
        "stale: write it anew with python -m streams.contract.asyncapi"
    )


def test_each_topic_has_a_channel() -> None:
    assert {channel.topic.name for channel in asyncapi.CHANNELS} == {topic.name for topic in topics.TOPICS}


def test_each_published_message_lies_on_a_channel() -> None:
    on_channels = {message for channel in asyncapi.CHANNELS for message in channel.messages}
    assert on_channels == set(schemas.PUBLISHED)


def test_a_cluster_has_its_own_addresses_partitions_and_security() -> None:
    document = asyncapi.generate(SECURED, TopicLayout(partitions=12, replication_factor=3))
    purchases = document["channels"]["purchases"]
    assert purchases["address"] == "shop.purchases"
    assert purchases["bindings"]["kafka"]["partitions"] == 12
    assert purchases["bindings"]["kafka"]["topicConfiguration"]["cleanup.policy"] == ["delete"]
    assert [server["host"] for server in document["servers"].values()] == ["one:9093", "two:9093"]
    assert document["components"]["securitySchemes"] == {"sasl": {"type": "scramSha512"}}
    assert "swordfish" not in asyncapi.render(document)


def test_the_command_prints_the_document_and_asks_no_broker() -> None:
    environment = {"NEXTUP_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}
    printed = CliRunner(env=environment).invoke(main, ["topics", "--asyncapi"])
    assert printed.exit_code == 0
    assert json.loads(printed.output) == asyncapi.generate(KafkaConnection("127.0.0.1:1"), TopicLayout())
