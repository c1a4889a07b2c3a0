"""The gateway beside a real worker, a real broker and a real Triton: what is asked over HTTP is what the topics say."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import msgspec
import pytest

from deploy.stack.broker import Broker
from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from streams.clients.publisher import CataloguePublisher
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Item
from streams.gateway import keys
from tests import small_model
from tests.integration.gateways import RunningGateway, email_settings, running_gateway
from tests.integration.workers import lists_by_event, running_worker
from trainer.announcement import announce

MODEL = "gateway-model"
START = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
DOCUMENTED_USER, DOCUMENTED_ITEM = "12680", "22613"
"""The examples in the OpenAPI document."""
STRANGE = ["<script>alert(1)</script>", "🛒🧦", "مرحبا بالعالم", "a/b?c=d&e#f%2F", '"quoted", [too]', " ", "x" * 256]


@pytest.fixture(scope="module")
def kafka(broker: Broker) -> KafkaConnection:
    connection = KafkaConnection(broker.bootstrap_servers, topic_prefix=f"gateway-{uuid.uuid4().hex[:8]}.")
    topics.ensure(connection, topics.TopicLayout(partitions=4))
    return connection


@pytest.fixture(scope="module")
def model(kafka: KafkaConnection, triton: TritonServer) -> None:
    """Version 1 of a model that answers with the items behind the newest one; item-7 is withdrawn."""
    repository = ModelRepository(triton.model_repository)
    small_model.publish(repository, 1, name=MODEL, item_ids=[*small_model.ITEM_IDS, DOCUMENTED_ITEM])
    repository.pin(MODEL, [1])
    with connected(TritonSettings(triton.grpc_address)) as control:
        control.load(MODEL, [1])
    announce(kafka, repository.read(MODEL, 1).metadata, "test")
    with CataloguePublisher(kafka) as catalogue:
        catalogue.publish(Item("item-3", title="<b>Three</b> 🥉"))
        catalogue.publish(Item("item-7", title="Seven", available=False))


@pytest.fixture(scope="module")
def gateway(
    kafka: KafkaConnection, model: None, triton: TritonServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    key, kept = keys.new_key("tests", ["read", "write"], datetime.now(UTC))
    reader, kept_reader = keys.new_key("reader", ["read"], datetime.now(UTC))
    keys.write_keys(folder / "keys.json", [kept, kept_reader])
    more = {
        "NEXTUP_TRITON_URL": triton.grpc_address,
        "NEXTUP_TRITON_DEADLINE_MS": "10000",
        "NEXTUP_MODELS_REPOSITORY": str(triton.model_repository),
        "NEXTUP_MODELS_NAME": MODEL,
    }
    links = email_settings(folder, signed_with="sixteen letters or more")
    with (
        running_worker(kafka, folder, **more),
        running_gateway(kafka, folder, key, NEXTUP_GATEWAY_HEARTBEAT_S="0.5", **more, **links) as running,
    ):
        running.headers["X-Reader"] = reader
        yield running


def purchase(user_id: str, *item_ids: str, days: int = 0) -> dict[str, Any]:
    return {
        "type": "purchase",
        "event_id": f"e-{uuid.uuid4()}",
        "user_id": user_id,
        "occurred_at": (START + timedelta(days=days)).isoformat(),
        "items": [{"item_id": item_id} for item_id in item_ids],
    }


def of_user(user_id: str, what: str) -> str:
    return f"/v1/users/{quote(user_id, safe='')}/{what}"


def buy(gateway: RunningGateway, event: dict[str, Any]) -> dict[str, Any]:
    """Publish one purchase; the list that followed it."""
    assert gateway.client.post("/v1/purchases", json=event).status_code == 202
    params = {"wait_for": event["event_id"], "timeout_s": 60}
    answer = gateway.client.get(of_user(event["user_id"], "recommendations"), params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def a_user() -> str:
    return f"u-{uuid.uuid4()}"


def test_the_list_that_followed_a_purchase_is_the_one_on_the_topic(
    gateway: RunningGateway, kafka: KafkaConnection
) -> None:
    event = purchase(a_user(), "item-1")
    answered = buy(gateway, event)
    made = lists_by_event(kafka)[event["event_id"]]
    assert answered["list_id"] == made.list_id
    assert [item["item_id"] for item in answered["items"]] == [item.item_id for item in made.items]
    assert answered["source"] == "model"
    assert answered["model"] == {"name": MODEL, "version": 1}
    assert 0 <= answered["age_s"] < 60
    assert {item["item_id"]: item["title"] for item in answered["items"]}["item-3"] == "<b>Three</b> 🥉"
    assert gateway.client.get(of_user(event["user_id"], "recommendations")).json()["list_id"] == made.list_id


def test_a_purchase_whose_list_was_replaced_still_has_its_list(gateway: RunningGateway) -> None:
    user = a_user()
    first, second = purchase(user, "item-1"), purchase(user, "item-5", days=1)
    before, after = buy(gateway, first), buy(gateway, second)
    again = gateway.client.get(of_user(user, "recommendations"), params={"wait_for": first["event_id"]}).json()
    assert again["list_id"] == before["list_id"] != after["list_id"]


def test_a_purchase_that_nobody_sent_is_waited_for_no_longer_than_asked(gateway: RunningGateway) -> None:
    began = time.monotonic()
    answer = gateway.client.get(of_user("u", "recommendations"), params={"wait_for": "never", "timeout_s": 0.3})
    assert time.monotonic() - began >= 0.3
    assert (answer.status_code, answer.json()["reason"]) == (404, "no-list-yet")


def test_a_return_is_taken_out_of_the_history_and_an_erasure_leaves_nothing(gateway: RunningGateway) -> None:
    user = a_user()
    buy(gateway, purchase(user, "item-1", "item-3"))
    taken_back = purchase(user, "item-1", days=1) | {"type": "return"}
    buy(gateway, taken_back)
    history = gateway.client.get(of_user(user, "history")).json()
    assert [[line["item_id"] for line in order["items"]] for order in history["orders"]] == [["item-3"]]
    assert history["orders"][0]["items"][0]["title"] == "<b>Three</b> 🥉"
    assert history["orders"][0]["occurred_at"] == "2011-12-09T12:50:00Z"
    erasure = {key: value for key, value in purchase(user).items() if key != "items"} | {"type": "erasure"}
    assert gateway.client.post("/v1/purchases", json=erasure).status_code == 202
    for what in ("recommendations", "history", "plan"):
        deadline = time.monotonic() + 60
        while (answer := gateway.client.get(of_user(user, what))).status_code != 404:
            assert time.monotonic() < deadline, answer.text
            time.sleep(0.05)


def test_many_events_are_published_and_each_refused_one_is_told(gateway: RunningGateway) -> None:
    user = a_user()
    good = [purchase(user, "item-1", days=day) for day in range(20)]
    lines = [msgspec.json.encode(event) for event in good]
    lines.insert(3, b'{"type": "purchase"}')
    answer = gateway.client.post(
        "/v1/purchases", content=b"\n".join(lines), headers={"Content-Type": "application/x-ndjson"}
    )
    assert answer.status_code == 207
    assert answer.json()["accepted"] == 20
    (fault,) = answer.json()["errors"]
    assert (fault["index"], fault["field"], fault["reason"]) == (3, "event_id", "missing-field")
    params = {"wait_for": good[-1]["event_id"], "timeout_s": 60}
    assert gateway.client.get(of_user(user, "recommendations"), params=params).status_code == 200
    history = gateway.client.get(of_user(user, "history")).json()
    assert [order["event_id"] for order in history["orders"]] == [event["event_id"] for event in good]


@pytest.mark.parametrize("name", STRANGE)
def test_names_of_any_kind_go_through_unharmed(gateway: RunningGateway, name: str) -> None:
    user = name[:-36] + str(uuid.uuid4()) if len(name) > 200 else name
    answered = buy(gateway, purchase(user, name))
    assert answered["user_id"] == user
    assert gateway.client.get(of_user(user, "history")).json()["orders"][-1]["items"][0]["item_id"] == name


def test_a_name_of_ten_thousand_characters_is_refused_by_its_field(gateway: RunningGateway) -> None:
    answer = gateway.client.post("/v1/purchases", json=purchase("x" * 10_000, "a"))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "user_id"
    answer = gateway.client.get(of_user("é" * 10_000, "recommendations"))
    assert answer.status_code == 422
    assert len(answer.content) < 1_000


def test_what_is_bought_together_with_an_item_is_what_the_model_says_without_what_is_withdrawn(
    gateway: RunningGateway,
) -> None:
    answer = gateway.client.get("/v1/items/item-5/recommendations", params={"k": 3}).json()
    # The small model answers with the five items behind the newest one.
    assert [item["item_id"] for item in answer["items"]] == ["item-8", "item-9", "item-10"]
    assert [item["rank"] for item in answer["items"]] == [1, 2, 3]
    assert answer["model"] == {"name": MODEL, "version": 1}
    assert gateway.client.get("/v1/items/never-sold/recommendations").status_code == 404


def test_a_plan_goes_on_from_what_it_has_planned(gateway: RunningGateway) -> None:
    user = a_user()
    buy(gateway, purchase(user, "item-9"))
    orders = gateway.client.get(of_user(user, "plan"), params={"orders": 2, "k": 2}).json()["orders"]
    assert [[item["item_id"] for item in order["items"]] for order in orders] == [
        ["item-11", "item-12"],
        ["item-14", "item-15"],
    ]
    assert [order["order"] for order in orders] == [1, 2]


def test_every_kind_of_refusal_is_a_problem_with_a_reason(gateway: RunningGateway) -> None:
    client = gateway.client
    json = {"Content-Type": "application/json"}
    refused = {
        (client.get("/v1/nothing"), 404),
        (client.put("/v1/purchases"), 405),
        (client.get(of_user("nobody", "recommendations")), 404),
        (client.post("/v1/purchases", content=b"{", headers=json), 400),
        (client.post("/v1/purchases", content=b"{}", headers=json), 422),
        (client.post("/v1/purchases", content=b"a", headers={"Content-Type": "text/csv"}), 415),
        (client.post("/v1/purchases", content=b"[" + b" " * 1_000_001, headers=json), 413),
        (client.get("/v1/recommendations/stream", headers={"Last-Event-ID": "yesterday"}), 400),
        (client.get(of_user("u", "plan"), params={"orders": 99}), 422),
    }
    for answer, status in refused:
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["status"] == status
        assert answer.json()["reason"]


def test_only_a_key_with_the_scope_is_let_in(gateway: RunningGateway) -> None:
    with httpx.Client(base_url=gateway.url) as anybody:
        assert anybody.get(of_user("u", "history")).status_code == 401
        assert anybody.get("/metrics").status_code == 401
        assert anybody.get("/live").text == "ok\n"
        reader = {"Authorization": f"Bearer {gateway.headers['X-Reader']}"}
        assert anybody.get(of_user("nobody", "history"), headers=reader).status_code == 404
        assert anybody.post("/v1/purchases", json=purchase("u", "a"), headers=reader).status_code == 403


def events_of(lines: Iterator[str], count: int) -> list[tuple[str, dict[str, Any]]]:
    """The next lists of a stream: each one's id and what it is."""
    found: list[tuple[str, dict[str, Any]]] = []
    last_id = ""
    for line in lines:
        if line.startswith("id: "):
            last_id = line.removeprefix("id: ")
        if line.startswith("data: "):
            found.append((last_id, msgspec.json.decode(line.removeprefix("data: "))))
        if len(found) == count:
            break
    return found


def test_a_stream_brings_all_lists_and_one_of_a_user_only_that_users(gateway: RunningGateway) -> None:
    one, other = a_user(), a_user()
    with (
        gateway.client.stream("GET", "/v1/recommendations/stream") as of_all,
        gateway.client.stream("GET", "/v1/recommendations/stream", params={"user_id": one}) as of_one,
    ):
        all_lines, one_lines = of_all.iter_lines(), of_one.iter_lines()
        assert next(all_lines).startswith("id: ")
        assert next(one_lines).startswith("id: ")
        bought = [purchase(user, "item-1", days=day) for day, user in enumerate([other, one, other, one])]
        made = [buy(gateway, event)["list_id"] for event in bought]
        assert [each["list_id"] for _, each in events_of(all_lines, 4)] == made
        assert [each["list_id"] for _, each in events_of(one_lines, 2)] == [made[1], made[3]]


def test_a_reader_that_comes_back_gets_what_it_has_missed_and_then_what_comes(gateway: RunningGateway) -> None:
    users = [a_user() for _ in range(8)]
    with gateway.client.stream("GET", "/v1/recommendations/stream") as stream:
        lines = stream.iter_lines()
        assert next(lines).startswith("id: ")
        first = buy(gateway, purchase(users[0], "item-1"))
        ((last_id, got),) = events_of(lines, 1)
        assert got["list_id"] == first["list_id"]
    missed = {buy(gateway, purchase(user, "item-2"))["list_id"] for user in users[1:]}
    headers = {"Last-Event-ID": last_id}
    with gateway.client.stream("GET", "/v1/recommendations/stream", headers=headers) as stream:
        lines = stream.iter_lines()
        assert {each["list_id"] for _, each in events_of(lines, len(missed))} == missed
        new = buy(gateway, purchase(users[0], "item-3", days=1))
        ((_, got),) = events_of(lines, 1)
        assert got["list_id"] == new["list_id"]


def test_a_quiet_stream_says_that_it_is_alive(gateway: RunningGateway) -> None:
    with gateway.client.stream("GET", "/v1/recommendations/stream", params={"user_id": a_user()}) as stream:
        assert next(line for line in stream.iter_lines() if line.startswith(":"))


def test_requests_and_events_are_counted(gateway: RunningGateway) -> None:
    accepted = 'nextup_gateway_events_total{result="accepted"}'
    before = gateway.metric(accepted)
    buy(gateway, purchase(a_user(), "item-1"))
    assert gateway.metric(accepted) == before + 1
    route = 'method="POST",route="/v1/purchases",status="202"'
    assert gateway.metric(f"nextup_gateway_requests_total{{{route}}}") > 0


def test_it_does_what_its_own_description_says_whatever_it_is_asked(gateway: RunningGateway, tmp_path: Path) -> None:
    """Schemathesis asks, in ways that the OpenAPI document allows and in ways that it forbids."""
    buy(gateway, purchase(DOCUMENTED_USER, "item-1"))
    settings = tmp_path / "schemathesis.toml"
    # Lists that never come are not waited for.
    settings.write_text("[parameters]\ntimeout_s = 0.01\n")
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        *("--config-file", str(settings)),
        "run",
        f"{gateway.url}/openapi.json",
        *("--header", f"Authorization: {gateway.headers['Authorization']}"),
        *("--seed", "1", "--generation-deterministic", "--max-examples", "10", "--no-color"),
        *("--phases", "examples,coverage,fuzzing"),
        # A stream has no end; the tests above read it.
        *("--exclude-path", "/v1/recommendations/stream"),
        # Times before 1970 or in the future have the right form, and are refused.
        *("--exclude-checks", "positive_data_acceptance"),
    ]
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "tests.integration.ndjson"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
