"""The local broker, as a real one."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from confluent_kafka import Producer

from deploy.stack.broker import Broker
from deploy.stack.errors import AlreadyRunning, DidNotStart
from deploy.stack.ports import accepts_connections, free_ports
from deploy.stack.process import wait_until
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.reading import read_to_end


def send(connection: KafkaConnection, value: bytes) -> None:
    producer = Producer(connection.for_confluent(message_max_bytes=8 << 20))
    producer.produce(topics.PURCHASES.name, value, b"12680")
    assert producer.flush(20) == 0


def test_a_stopped_broker_comes_back_with_its_address_and_its_records(tmp_path: Path) -> None:
    with Broker(tmp_path) as broker:
        connection = KafkaConnection(bootstrap_servers=broker.bootstrap_servers)
        topics.ensure(connection, topics.TopicLayout())
        send(connection, b"first")
    with Broker(tmp_path) as again:
        assert again.bootstrap_servers == connection.bootstrap_servers
        assert [message.value() for message in read_to_end(connection, topics.PURCHASES.name)] == [b"first"]


def test_a_broker_takes_other_ports_when_its_own_are_occupied(tmp_path: Path) -> None:
    occupied, free = free_ports(2)
    with Broker(tmp_path / "one", port=occupied):
        (tmp_path / "two").mkdir()
        (tmp_path / "two" / "ports").write_text(f"{occupied} {free}")
        with Broker(tmp_path / "two") as broker:
            assert broker.port != occupied


def test_a_port_that_was_asked_for_and_is_occupied_is_an_error(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with Broker(tmp_path / "one", port=port), pytest.raises(AlreadyRunning, match=f"port {port} .* in use"):
        Broker(tmp_path / "two", port=port).start()


def test_a_port_lost_between_choice_and_start_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = free_ports(1)[0]
    with Broker(tmp_path / "one", port=occupied):
        choices = [[occupied, *free_ports(1)], free_ports(2)]
        monkeypatch.setattr("deploy.stack.broker.remembered_ports", lambda *_args, **_more: choices.pop(0))
        with Broker(tmp_path / "two") as broker:
            assert broker.port != occupied


def test_two_brokers_cannot_share_a_folder(tmp_path: Path) -> None:
    second = Broker(tmp_path)
    second.handover_s = 0.2
    with Broker(tmp_path), pytest.raises(AlreadyRunning, match="another process works in"):
        second.start()


def test_a_broker_that_cannot_start_shows_its_last_lines(tmp_path: Path) -> None:
    with pytest.raises(DidNotStart, match="its log is") as caught:
        Broker(tmp_path, settings={"num.io.threads": "none"}).start()
    assert any("num.io.threads" in line for line in caught.value.last_lines)


def test_a_value_of_four_megabytes_gets_into_purchases_and_out_again(broker: Broker, kafka: KafkaConnection) -> None:
    value = os.urandom(4_000_000)
    producer = Producer(kafka.for_confluent(message_max_bytes=8 << 20))
    producer.produce(kafka.topic_prefix + topics.PURCHASES.name, value, b"12680")
    assert producer.flush(20) == 0
    (message,) = read_to_end(kafka, kafka.topic_prefix + topics.PURCHASES.name)
    assert message.value() == value


def test_a_broker_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = f"""
        import os, pathlib, signal
        from deploy.stack.broker import Broker
        broker = Broker(pathlib.Path({str(tmp_path)!r})).start()
        pathlib.Path({str(tmp_path / "port")!r}).write_text(str(broker.port))
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    assert done.returncode == -signal.SIGKILL
    port = int((tmp_path / "port").read_text())
    wait_until(lambda: not accepts_connections(port), 15, "the broker's end")


def test_after_its_starter_was_killed_the_next_start_waits_for_the_old_broker(tmp_path: Path) -> None:
    script = f"""
        import os, pathlib, signal
        from deploy.stack.broker import Broker
        broker = Broker(pathlib.Path({str(tmp_path)!r})).start()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=False)
    with Broker(tmp_path) as broker:
        assert broker.process.is_running
