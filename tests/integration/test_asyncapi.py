"""The AsyncAPI document before the specification's own parser."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from click.testing import CliRunner

from deploy.cli import main
from streams.contract import asyncapi, topics
from streams.contract.asyncapi import Document
from tests.integration.node_packages import installed

Verdict: TypeAlias = dict[str, Any]


def without_a_schema(document: Document) -> None:
    document["channels"]["purchases"]["messages"]["Purchase"]["payload"] = {"$ref": "#/components/schemas/Missing"}


def with_an_operation_on_no_channel(document: Document) -> None:
    document["operations"]["receive-purchases"]["channel"] = {"$ref": "#/channels/missing"}


def with_a_schema_of_no_type(document: Document) -> None:
    document["components"]["schemas"]["Purchase"]["type"] = "purchase"


def with_an_unknown_field(document: Document) -> None:
    document["channels"]["purchases"]["partitions"] = 4


BREAKS: list[Callable[[Document], None]] = [
    without_a_schema,
    with_an_operation_on_no_channel,
    with_a_schema_of_no_type,
    with_an_unknown_field,
]


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """What the parser says about the committed document, about another cluster's, and about broken ones."""
    documents = {"committed": asyncapi.FILE.read_text(), "secured": printed_for_a_secured_cluster()}
    documents |= {damage.__name__: broken(damage) for damage in BREAKS}
    done = subprocess.run(
        ["node", "validate.mjs"],
        cwd=installed(Path(__file__).parent / "asyncapi"),
        input=json.dumps(documents),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Verdict] = json.loads(done.stdout)
    return found


def printed_for_a_secured_cluster() -> str:
    environment = {
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": "one.example:9093,two.example:9093",
        "NEXTUP_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "NEXTUP_KAFKA_SASL_USERNAME": "shop",
        "NEXTUP_KAFKA_SASL_PASSWORD": "swordfish",
        "NEXTUP_KAFKA_TOPIC_PREFIX": "shop.",
    }
    printed = CliRunner(env=environment).invoke(main, ["topics", "--asyncapi"])
    assert printed.exit_code == 0, printed.output
    return printed.output


def broken(damage: Callable[[Document], None]) -> str:
    document = asyncapi.committed_document()
    damage(document)
    return asyncapi.render(document)


def test_the_committed_document_is_valid_and_has_every_topic(verdicts: dict[str, Verdict]) -> None:
    committed = verdicts["committed"]
    assert committed["errors"] == []
    assert sorted(committed["channels"]) == sorted(topic.name for topic in topics.TOPICS)
    assert committed["messages"] >= len(topics.TOPICS)


def test_the_document_of_a_secured_and_shared_cluster_is_valid(verdicts: dict[str, Verdict]) -> None:
    assert verdicts["secured"]["errors"] == []
    assert "shop.purchases" in verdicts["secured"]["channels"]


@pytest.mark.parametrize("damage", BREAKS)
def test_a_broken_document_is_refused(verdicts: dict[str, Verdict], damage: Callable[[Document], None]) -> None:
    assert verdicts[damage.__name__]["errors"] != []
