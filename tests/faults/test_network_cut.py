"""The network between one worker and the broker is cut, for longer than a session, and mended again."""

import random
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.broker import Broker
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.faults.freezing import rebuild
from tests.faults.load import Load, Mix
from tests.faults.proxy import Proxy
from tests.faults.publishing import steady_load

EVENTS_PER_S, CUTS = 140, 4
CUT_S = (12.0, 20.0)


@pytest.fixture(scope="module")
def ports() -> list[int]:
    """Free ports: the broker's, its controller's, its second listener's, the proxy's."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
    found = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return found


@pytest.fixture
def broker(tmp_path: Path, ports: list[int]) -> Iterator[Broker]:
    """A broker that tells those who come through the proxy to come through it again."""
    own, controller, second, proxied = ports
    settings = {
        "listeners": f"PLAINTEXT://127.0.0.1:{own},CONTROLLER://127.0.0.1:{controller},CUT://127.0.0.1:{second}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{own},CUT://127.0.0.1:{proxied}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,CUT:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
    }
    with Broker(tmp_path / "broker", own, settings) as running_broker:
        yield running_broker


@pytest.fixture
def proxy(ports: list[int]) -> Iterator[Proxy]:
    with Proxy(ports[3], ports[2]) as found:
        yield found


def test_a_worker_whose_network_is_cut_loses_and_doubles_nothing(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report, proxy: Proxy, ports: list[int]
) -> None:
    cut_off = make_worker("cut-off", NEXTUP_KAFKA_BOOTSTRAP_SERVERS=f"127.0.0.1:{ports[3]}")
    workers = [cut_off, make_worker("other")]
    rng = random.Random(19)
    with running(*workers), steady_load(kafka, Load(19, Mix(users=400)), EVENTS_PER_S) as sent:
        progress.wait_until(lambda: progress.records_of(topics.PURCHASE_LOG) > 500, "a beginning", *workers)
        for _ in range(CUTS):
            proxy.cut()
            time.sleep(rng.uniform(*CUT_S))
            proxy.mend()
            time.sleep(rng.uniform(4, 6))
            for worker in workers:
                worker.watch()
        sent.stop()
        progress.wait_until_done(*workers)
    evidence = Evidence(kafka)
    verdict = rebuild(workers[1])
    deaths = [worker.deaths for worker in workers]
    told = {"cuts": CUTS, "deaths": deaths, "rebuild": verdict.stdout[-300:]}
    report("network cut", **told, **evidence.counts(), **evidence.count_losses())
    evidence.check_nothing_lost_or_stale()
    evidence.check()
    evidence.check_offsets_never_go_back()
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
