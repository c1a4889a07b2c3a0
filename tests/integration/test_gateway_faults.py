"""The gateway where something is wrong: broker or model are away, a reader does not read, a copy is damaged."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import msgspec
import pytest
from confluent_kafka import Producer

from deploy.stack.broker import Broker
from deploy.stack.triton import TritonServer
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Cause, Line, Purchase, RecommendationList, Recommended
from streams.contract.partitioner import MURMUR2
from streams.gateway.store import DATABASE
from streams.histories.purchase_log import SOURCE_OFFSET
from tests.faults import models
from tests.faults.conftest import announce_version, load, settings_for
from tests.integration.gateways import RunningGateway, running_gateway
from tests.integration.workers import eventually

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
FROM_NOTHING = "the local view begins with nothing"


def a_list(event_id: str, user_id: str) -> RecommendationList:
    cause = Cause("purchase", event_id)
    items = [Recommended(rank, f"item {rank}", 0.5 / rank) for rank in range(1, 6)]
    return RecommendationList(
        messages.list_id(user_id, cause), user_id, cause, NOW, NOW, "fallback", None, items, [], []
    )  # fmt: skip


class Worker:
    """Puts lists on the topic, as the worker does."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._topic = kafka.topic_prefix + topics.RECOMMENDATIONS.name
        self._producer = Producer(kafka.for_confluent(partitioner=MURMUR2, linger_ms=5))

    def send(self, *lists: RecommendationList) -> None:
        for one in lists:
            self._producer.produce(self._topic, messages.encode(one), messages.user_key(one.user_id))
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def log(self, purchase: Purchase) -> None:
        """As an accepted event that stood at the first place of its partition of `purchases`."""
        topic = self._topic.replace(topics.RECOMMENDATIONS.name, topics.PURCHASE_LOG.name)
        key = messages.log_key(purchase.user_id, purchase.event_id)
        self._producer.produce(topic, messages.encode(purchase), key, headers={SOURCE_OFFSET: b"0"})
        assert self._producer.flush(60) == 0

    def take_back(self, user_id: str) -> None:
        self._producer.produce(self._topic, None, messages.user_key(user_id))
        assert self._producer.flush(60) == 0


def standing(gateway: RunningGateway, user_id: str) -> str:
    """The event that made the standing list; "" where there is none."""
    answer = gateway.client.get(f"/v1/users/{user_id}/recommendations")
    return str(answer.json()["cause"]["event_id"]) if answer.status_code == httpx.codes.OK else ""


def wait_for_list(gateway: RunningGateway, user_id: str, event_id: str) -> None:
    eventually(lambda: standing(gateway, user_id), lambda found: found == event_id, f"{event_id} of {user_id}")


def test_while_the_broker_is_away_what_stands_is_answered_and_afterwards_all_goes_on(tmp_path: Path) -> None:
    event = msgspec.to_builtins(Purchase("e", "u", NOW, [Line("a")]))
    with Broker(tmp_path / "broker") as broker:
        kafka = KafkaConnection(broker.bootstrap_servers)
        topics.ensure(kafka, topics.TopicLayout())
        Worker(kafka).send(a_list("before", "u"))
        with running_gateway(kafka, tmp_path, NEXTUP_GATEWAY_DELIVERY_TIMEOUT_S="2") as gateway:
            wait_for_list(gateway, "u", "before")
            with gateway.client.stream("GET", "/v1/recommendations/stream") as stream:
                lines = stream.iter_lines()
                assert next(lines).startswith("id: ")
                broker.stop()
                refused = gateway.client.post("/v1/purchases", json=event)
                assert refused.status_code == 503
                assert refused.json()["reason"] == "undelivered"
                assert int(refused.headers["Retry-After"]) > 0
                assert standing(gateway, "u") == "before"
                assert gateway.client.get("/live").status_code == 200
                broker.start()
                eventually(
                    lambda: gateway.client.post("/v1/purchases", json=event).status_code,
                    lambda status: status == 202,
                    "a purchase that is taken again",
                )
                Worker(kafka).send(a_list("after", "u"))
                assert next(line for line in lines if '"after"' in line)
            wait_for_list(gateway, "u", "after")


ASKING_THE_MODEL = ("/v1/items/item-1/recommendations", "/v1/users/u/plan")


def assert_no_model_answers(gateway: RunningGateway) -> None:
    """Those who ask the model are told so, and when to come back; all else is answered."""
    for path in ASKING_THE_MODEL:
        refused = gateway.client.get(path)
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert refused.json()["reason"] == "model-unavailable"
        assert "next-purchase version 1" in refused.json()["detail"]
        assert int(refused.headers["Retry-After"]) > 0
    assert gateway.client.get("/v1/users/u/history").status_code == 200
    assert gateway.client.get("/ready").status_code == 200


def wait_for_model(gateway: RunningGateway) -> None:
    eventually(
        lambda: {gateway.client.get(path).status_code for path in ASKING_THE_MODEL},
        lambda statuses: statuses == {200},
        "answers of the model",
    )


def test_while_triton_is_away_or_frozen_the_model_is_said_to_be_unavailable_and_it_is_asked_again_afterwards(
    kafka: KafkaConnection, worker: Worker, tmp_path: Path
) -> None:
    worker.log(Purchase("e", "u", NOW, [Line("item-1")]))
    with TritonServer(tmp_path / "models", tmp_path / "triton") as triton:
        models.publish(triton, 1)
        load(triton, 1)
        announce_version(kafka, triton, 1)
        with running_gateway(kafka, tmp_path, **settings_for(triton, deadline_ms=2_000)) as gateway:
            wait_for_model(gateway)
            triton.stop()
            assert_no_model_answers(gateway)
            triton.start()
            wait_for_model(gateway)
            triton.process.send_signal(signal.SIGSTOP)
            assert_no_model_answers(gateway)
            triton.process.send_signal(signal.SIGKILL)
            triton.process.wait(10)
            triton.start()
            wait_for_model(gateway)


@pytest.fixture
def worker(kafka: KafkaConnection) -> Worker:
    return Worker(kafka)


def test_a_restart_goes_on_where_it_was_and_a_damaged_copy_is_made_anew(
    kafka: KafkaConnection, worker: Worker, tmp_path: Path
) -> None:
    worker.send(*(a_list("first", f"u{number}") for number in range(200)))
    with running_gateway(kafka, tmp_path) as gateway:
        assert standing(gateway, "u150") == "first"
    worker.send(a_list("second", "u150"))
    worker.take_back("u151")
    log = tmp_path / "gateway.log"
    log.unlink()
    with running_gateway(kafka, tmp_path) as gateway:
        assert FROM_NOTHING not in log.read_text()
        assert [standing(gateway, f"u{number}") for number in (149, 150, 151)] == ["first", "second", ""]
    for table in (tmp_path / "gateway" / DATABASE).glob("*.sst"):
        table.write_bytes(b"rubbish")
    with running_gateway(kafka, tmp_path) as gateway:
        assert FROM_NOTHING in log.read_text()
        assert [standing(gateway, f"u{number}") for number in (149, 150, 151)] == ["first", "second", ""]


class SlowReader:
    """Opens a stream over a socket with little room, and reads when it is told to."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        address = urlsplit(gateway.url)
        self._socket.settimeout(60)
        self._socket.connect((address.hostname, address.port))
        self._socket.sendall(b"GET /v1/recommendations/stream HTTP/1.0\r\nHost: test\r\n\r\n")
        self.got = self._socket.recv(1024)

    def read_all(self) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            while chunk := self._socket.recv(1 << 16):
                self.got += chunk
        return self.got

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def slow_readers() -> Iterator[list[SlowReader]]:
    readers: list[SlowReader] = []
    yield readers
    for reader in readers:
        reader.close()


def test_readers_that_take_nothing_are_let_go_and_lose_nothing_when_they_come_back(
    kafka: KafkaConnection, worker: Worker, tmp_path: Path, slow_readers: list[SlowReader]
) -> None:
    lists = [a_list(f"e{number}", f"u{number}") for number in range(20_000)]
    with running_gateway(kafka, tmp_path, NEXTUP_GATEWAY_SEND_TIMEOUT_S="2") as gateway:
        slow_readers += [SlowReader(gateway) for _ in range(20)]
        worker.send(*lists)
        wait_for_list(gateway, "u19999", "e19999")
        eventually(lambda: gateway.metric("nextup_gateway_streams"), lambda n: n == 0, "the end of all stuck streams")
        got = slow_readers[0].read_all().decode()
        assert_nothing_is_missing(gateway, got, {one.list_id for one in lists})


def assert_nothing_is_missing(gateway: RunningGateway, got: str, expected: set[str]) -> None:
    """What a reader got before it was let go, and what it gets when it comes back, is all there was."""
    seen = {line.split('"')[3] for line in got.splitlines() if line.startswith('data: {"list_id"')}
    assert seen < expected
    last_id = [line for line in got.splitlines() if line.startswith("id: ")][-1].removeprefix("id: ")
    deadline = time.monotonic() + 60
    with gateway.client.stream("GET", "/v1/recommendations/stream", headers={"Last-Event-ID": last_id}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.add(line.split('"')[3])
            if seen == expected:
                return
            assert time.monotonic() < deadline, f"{len(expected - seen)} lists are missing"
