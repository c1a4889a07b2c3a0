"""Shops that do not use our clients: Kafka's console tools, Java, Node; and the README's example in Python.

Each example publishes a purchase and finds the list that followed it, as it stands in deploy/examples.
"""

import contextlib
import io
import os
import re
import stat
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from deploy.stack.locations import CHECKOUT, broker_jars, java
from deploy.stack.process import ChildProcess, wait_until
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.partitioner import partition_of
from streams.contract.reading import read_to_end
from tests.integration.node_packages import installed
from tests.integration.workers import running_worker

EXAMPLES = CHECKOUT / "deploy" / "examples"
PARTITIONS = 3
"""Not a power of two, where murmur2 and its variants would give the same partition."""
CUSTOMERS = [f"customer-{number}" for number in range(3)]
TOOLS = {
    "kafka-console-producer.sh": "org.apache.kafka.tools.ConsoleProducer",
    "kafka-console-consumer.sh": "org.apache.kafka.tools.consumer.ConsoleConsumer",
}
WITHIN_S = 120.0


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaConnection]:
    """A broker whose topics have the names that the examples use, and a worker that answers."""
    with Broker(tmp_path_factory.mktemp("broker")) as broker:
        connection = KafkaConnection(broker.bootstrap_servers)
        topics.ensure(connection, topics.TopicLayout(partitions=PARTITIONS))
        with running_worker(connection, tmp_path_factory.mktemp("worker")):
            yield connection


def test_kafkas_console_tools(kafka: KafkaConnection, tmp_path: Path) -> None:
    path = f"{_kafka_tools(tmp_path)}:{os.environ['PATH']}"
    scripts = EXAMPLES / "cli"
    _publish([str(scripts / "publish.sh")], kafka, "by-console", PATH=path)
    _find_list([str(scripts / "subscribe.sh")], kafka, "by-console", tmp_path, PATH=path)


def test_java(kafka: KafkaConnection, tmp_path: Path) -> None:
    run = [_java_with_compiler(), "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp", f"{broker_jars()}/*"]
    _publish([*run, str(EXAMPLES / "java" / "Publish.java")], kafka, "by-java")
    _find_list([*run, str(EXAMPLES / "java" / "Subscribe.java")], kafka, "by-java", tmp_path)


def test_node(kafka: KafkaConnection, tmp_path: Path) -> None:
    folder = installed(EXAMPLES / "node")
    for customer in CUSTOMERS:
        _publish(["node", str(folder / "publish.mjs")], kafka, customer)
    _find_list(["node", str(folder / "subscribe.mjs")], kafka, CUSTOMERS[0], tmp_path)


def test_the_readme_in_python(kafka: KafkaConnection) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (CHECKOUT / "README.md").read_text(), flags=re.DOTALL)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(example.replace("127.0.0.1:9092", kafka.bootstrap_servers), {})  # noqa: S102 - as a reader would run it
    assert "user_id='customer-7'" in printed.getvalue()


def _publish(command: Sequence[str], kafka: KafkaConnection, customer: str, **environment: str) -> None:
    """Run the example, and see that what it sent is an event of ours, in the partition of its customer."""
    done = subprocess.run(
        [*command, kafka.bootstrap_servers, customer],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    key = messages.user_key(customer)
    (record,) = (each for each in read_to_end(kafka, topics.PURCHASES.name) if each.key() == key)
    assert messages.event_from_json(record.value() or b"").user_id == customer
    assert record.partition() == partition_of(key, PARTITIONS)


def _find_list(command: Sequence[str], kafka: KafkaConnection, customer: str, folder: Path, **environment: str) -> None:
    """Run the example until it has printed the customer's list, with the product that was just bought."""
    log = folder / "subscriber.log"
    arguments = [*command, kafka.bootstrap_servers, f"readers-{customer}"]
    with ChildProcess(arguments, name="subscriber", log=log, environment=os.environ | environment):
        wait_until(lambda: _has_list(log, customer), WITHIN_S, f"{customer}'s list is printed")


def _has_list(log: Path, customer: str) -> bool:
    """Console tools print keys as they are; that of a worker's marker is no text."""
    lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    return any(line.startswith(customer) and "22613" in line for line in lines)


def _kafka_tools(folder: Path) -> Path:
    """Kafka's scripts as its download has them: the jars alone come without."""
    for name, tool in TOOLS.items():
        script = folder / name
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        script.write_text(f"#!/bin/sh\nexec '{java()}' {quiet} -cp '{broker_jars()}/*' {tool} \"$@\"\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return folder


def _java_with_compiler() -> str:
    """The runtime alone, which a broker needs, cannot run a source file."""
    executable = str(java())
    done = subprocess.run([executable, "--list-modules"], capture_output=True, text=True, timeout=WITHIN_S, check=False)
    if "jdk.compiler@" in done.stdout:
        return executable
    pytest.skip(f"{executable} has no compiler; with a JDK 17 or newer on PATH this test runs")
