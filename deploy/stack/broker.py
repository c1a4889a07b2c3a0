"""A real Kafka broker on this machine: one node that is its own controller, reachable over loopback only."""

import base64
import contextlib
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.stack.errors import DidNotStart
from deploy.stack.locations import broker_jars, java
from deploy.stack.ports import LOOPBACK, remembered_ports
from deploy.stack.process import telling
from deploy.stack.server import LocalServer

_JVM = (
    "-Xms64m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


class Broker(LocalServer):
    """A broker whose data, ports and log live in `folder`: started there again, it is the same broker.

    Without `port` it takes free ports, remembers them, and takes others only if those are occupied; with
    `port` it takes that one and no other. `settings` are Kafka's own broker settings and win over ours.

        with Broker(Path(".nextup/broker")) as broker:
            connection = KafkaConnection(bootstrap_servers=broker.bootstrap_servers)
    """

    def __init__(self, folder: Path, port: int | None = None, settings: Mapping[str, str] | None = None) -> None:
        super().__init__("broker", folder)
        self.port = port or 0
        self._wanted_port = port
        self._settings = dict(settings or {})

    @property
    def bootstrap_servers(self) -> str:
        """What clients connect to; known once the broker has started."""
        return f"{LOOPBACK}:{self.port}"

    def _prepare(self) -> None:
        self.port, controller_port = remembered_ports(self.folder / "ports", 2, first=self._wanted_port)
        configuration = self._write_configuration(controller_port)
        command = [str(java()), *_JVM, "-cp", f"{broker_jars()}/*"]
        self._format([*command, "kafka.tools.StorageTool"], configuration)
        self.process.command = [*command, "kafka.Kafka", str(configuration)]

    def _write_configuration(self, controller_port: int) -> Path:
        settings = broker_settings(self.folder / "data", self.port, controller_port) | self._settings
        configuration = self.folder / "server.properties"
        configuration.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return configuration

    def _format(self, storage_tool: Sequence[str], configuration: Path) -> None:
        """Give an empty data folder its cluster id; a folder that has one is left as it is."""
        if (self.folder / "data" / "meta.properties").exists():
            return
        command = [*storage_tool, "format", "--cluster-id", _new_cluster_id(), "--config", str(configuration)]
        done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            told = done.stdout + done.stderr
            self.process.log.write_text(told)
            raise DidNotStart(
                "the broker's data folder could not be formatted", self.process.log, telling(told.splitlines())
            )

    def _answers(self) -> bool:
        """Whether it is our broker that answers: another one may have taken the port before it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "socket.timeout.ms": 2000, "log_level": 0})
        with contextlib.suppress(KafkaException):
            return bool(admin.list_topics(timeout=0.5).cluster_id == self._cluster_id())
        return False

    def _cluster_id(self) -> str:
        lines = (self.folder / "data" / "meta.properties").read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)["cluster.id"]


def broker_settings(data: Path, port: int, controller_port: int) -> dict[str, str]:
    """Kafka's settings for a single node that starts fast, keeps little in memory and cleans up soon."""
    return {
        "process.roles": "broker,controller",
        "node.id": "1",
        "listeners": f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{port}",
        "controller.listener.names": "CONTROLLER",
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller_port}",
        "log.dirs": str(data),
        "auto.create.topics.enable": "false",
        # One node has one replica of everything, and few groups.
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "1",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "1",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "group.initial.rebalance.delay.ms": "0",
        # After a kill, the broker waits for its own old session to expire: 3 s instead of 9.
        "broker.session.timeout.ms": "3000",
        "broker.heartbeat.interval.ms": "500",
        # A third of the heap would go to the cleaner's default buffer.
        "log.cleaner.dedupe.buffer.size": str(16 << 20),
        "log.cleaner.backoff.ms": "1000",
    }


def _new_cluster_id() -> str:
    """16 random bytes in base64; it must not start with a dash, which would read as an option."""
    text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    return "A" + text[1:]
