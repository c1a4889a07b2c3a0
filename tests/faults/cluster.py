"""Three brokers on this machine, each of them a controller as well."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.stack.broker import Broker
from deploy.stack.locations import broker_jars, java
from deploy.stack.ports import LOOPBACK, free_ports

CLUSTER_ID = "AthreeNodesOfOneCluster"[:22]
REPLICATED = {
    "default.replication.factor": "3",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "controller.quorum.request.timeout.ms": "1000",
}


@contextmanager
def three_brokers(folder: Path) -> Iterator[list[Broker]]:
    """Brokers that have found each other; whatever happens they are stopped in the end."""
    ports = free_ports(6)
    controllers = ports[3:]
    voters = ",".join(f"{number}@{LOOPBACK}:{port}" for number, port in enumerate(controllers, 1))
    brokers = []
    for number, (port, controller) in enumerate(zip(ports[:3], controllers, strict=True), 1):
        listeners = f"PLAINTEXT://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}"
        own = {"node.id": str(number), "listeners": listeners, "controller.quorum.voters": voters}
        place = folder / f"broker-{number}"
        _format(place, own | {"log.dirs": str(place / "data"), "process.roles": "broker,controller"})
        brokers.append(Broker(place, port, REPLICATED | own))
    with ExitStack() as stops, ThreadPoolExecutor(3) as starts:
        for broker in brokers:
            stops.callback(broker.stop, 5)
        list(starts.map(Broker.start, brokers))
        yield brokers


def _format(place: Path, settings: dict[str, str]) -> None:
    """All three have the same cluster id; a broker of ours leaves a folder that has one as it is."""
    place.mkdir(parents=True)
    configuration = place / "format.properties"
    more = {"controller.listener.names": "CONTROLLER"}
    configuration.write_text("".join(f"{name}={value}\n" for name, value in (settings | more).items()))
    tool = [str(java()), "-cp", f"{broker_jars()}/*", "kafka.tools.StorageTool"]
    subprocess.run([*tool, "format", "--cluster-id", CLUSTER_ID, "--config", str(configuration)], check=True)
