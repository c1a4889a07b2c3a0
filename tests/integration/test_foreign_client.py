"""A shop that does not use our clients: Kafka's own console tools."""

import subprocess
from pathlib import Path

from deploy.stack.locations import broker_jars, java
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.integration.workers import running_worker

PURCHASE = (
    '{"event_id": "581587", "user_id": "12680", "occurred_at": "2011-12-09T12:50:00Z", '
    '"items": [{"item_id": "22613", "quantity": 12, "price": 0.85}]}'
)


def test_a_purchase_from_kafkas_console_producer_comes_back_as_a_list(kafka: KafkaConnection, tmp_path: Path) -> None:
    with running_worker(kafka, tmp_path):
        _console(
            "ConsoleProducer",
            kafka,
            topics.PURCHASES.name,
            "--reader-property=parse.key=true",
            "--reader-property=key.separator=|",
            stdin=f"12680|{PURCHASE}\n",
        )
        received = _console(
            "consumer.ConsoleConsumer",
            kafka,
            topics.RECOMMENDATIONS.name,
            "--from-beginning",
            "--max-messages=1",
            "--timeout-ms=30000",
        )
    assert '"cause":{"type":"purchase","event_id":"581587"}' in received
    assert '"items":[{"rank":1,"item_id":"22613"' in received


def _console(tool: str, kafka: KafkaConnection, topic: str, *arguments: str, stdin: str = "") -> str:
    command = [str(java()), "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{broker_jars()}/*"]
    command += [f"org.apache.kafka.tools.{tool}", "--bootstrap-server", kafka.bootstrap_servers]
    command += ["--topic", kafka.topic_prefix + topic, *arguments]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=90, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
