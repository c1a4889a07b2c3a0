"""`nextup topics`, `nextup broker` and `nextup triton`, as a user runs them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from deploy.stack.ports import accepts_connections, free_ports
from deploy.stack.process import ChildProcess, wait_until
from streams.contract.connection import KafkaConnection
from streams.contract.topics import TOPICS, WORKER_TABLES

NEXTUP = [sys.executable, "-m", "deploy"]


def nextup(arguments: list[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": "250"} | settings
    return subprocess.run([*NEXTUP, *arguments], env=environment, capture_output=True, text=True, check=False)


def variables(kafka: KafkaConnection) -> dict[str, str]:
    return {
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NEXTUP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }


def test_topics_are_made_once_and_then_found(bare_kafka: KafkaConnection) -> None:
    first = nextup(["topics"], variables(bare_kafka))
    assert first.returncode == 0, first.stderr
    assert first.stdout.count("created") == len(TOPICS) + len(WORKER_TABLES)
    second = nextup(["topics"], variables(bare_kafka))
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("was there") == len(TOPICS) + len(WORKER_TABLES)


def test_another_partition_count_is_an_error_that_says_what_to_do(kafka: KafkaConnection) -> None:
    done = nextup(["topics"], variables(kafka) | {"NEXTUP_TOPICS_PARTITIONS": "3"})
    assert done.returncode == 1
    assert "purchases has 4 partitions, wanted 3" in done.stderr
    assert "set partitions = 4 under [topics]" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_is_not_there_is_one_line() -> None:
    address = f"127.0.0.1:{free_ports(1)[0]}"
    done = nextup(["topics"], {"NEXTUP_KAFKA_BOOTSTRAP_SERVERS": address})
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: no broker answered at {address}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
@pytest.mark.parametrize(
    ("command", "variable"), [("broker", "NEXTUP_KAFKA_BOOTSTRAP_SERVERS"), ("triton", "NEXTUP_TRITON_URL")]
)
def test_a_server_in_the_foreground_listens_where_the_settings_say_and_ends_with_its_command(
    tmp_path: Path, command: str, variable: str, number: signal.Signals, exit_code: int
) -> None:
    port = free_ports(1)[0]
    environment = os.environ | {variable: f"127.0.0.1:{port}"}
    process = ChildProcess(
        [*NEXTUP, command, "--folder", tmp_path / "server"],
        log=tmp_path / "command.log",
        environment=environment,
        folder=tmp_path,
    )
    with process:
        process.wait_until_ready(lambda: any(f"127.0.0.1:{port}" in line for line in process.last_lines()), 60)
        os.kill(process.pid, number)  # as a terminal or a supervisor does; not the group
        assert process.wait(30) == exit_code
    wait_until(lambda: not accepts_connections(port), 1, "the server's end")
    assert len(process.last_lines()) == 1


def test_a_server_that_dies_ends_its_command_with_an_error(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    process = ChildProcess([*NEXTUP, "triton", "--folder", tmp_path, "--port", str(port)], log=tmp_path / "command.log")
    with process:
        process.wait_until_ready(lambda: bool(process.last_lines()), 60)
        os.kill(_child_of(process.pid), signal.SIGKILL)
        assert process.wait(30) == 1
    assert process.last_lines(1)[0].startswith("error: triton ended with exit code -9")


def test_a_local_broker_cannot_be_run_for_an_address_elsewhere() -> None:
    done = nextup(["broker"], {"NEXTUP_KAFKA_BOOTSTRAP_SERVERS": "kafka.example:9092"})
    assert done.returncode == 1
    assert "kafka.bootstrap_servers is 'kafka.example:9092'; expected 127.0.0.1:port" in done.stderr


def test_one_broker_serves_all_tests(broker: Broker) -> None:
    assert broker.process.is_running


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task").glob("*/children")
    return next(int(text.split()[0]) for text in (file.read_text() for file in children) if text.strip())
