"""From purchases to lists by a model and back to the fallback: broker, worker, trainer and Triton as processes."""

import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from deploy.stack.process import ChildProcess
from deploy.stack.triton import TritonServer
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList
from tests.integration.workers import Source, environment_of, eventually, lists_by_event, running_worker

START = datetime(2011, 1, 1, tzinfo=UTC)
USERS, ORDERS = 40, 6
SHELVES = [[f"{shelf}{number}" for number in range(6)] for shelf in ("tea", "mug", "lamp")]


class System(NamedTuple):
    """Everything but the worker's process, which has no need of a name here."""

    kafka: KafkaConnection
    triton: TritonServer
    source: Source
    settings: dict[str, str]
    folder: Path


@pytest.fixture
def system(kafka: KafkaConnection, tmp_path: Path) -> Iterator[System]:
    """A worker at work, with the purchases of a small shop behind it, and a Triton without a model."""
    with TritonServer(tmp_path / "models", tmp_path / "triton") as triton:
        settings = {
            "NEXTUP_TRITON_URL": triton.grpc_address,
            "NEXTUP_MODELS_REPOSITORY": str(triton.model_repository),
            "NEXTUP_TRAINER_DATADIR": str(tmp_path / "trainer"),
            "NEXTUP_TRAINER_TUNED": "",
            "NEXTUP_TRAINER_EPOCHS": "1",
            "NEXTUP_TRAINER_MOST_EPOCHS": "1",
        }
        source = Source(kafka)
        publish_past(source)
        with running_worker(kafka, tmp_path, **settings):
            eventually(lambda: len(lists_by_event(kafka)), lambda n: n == USERS * ORDERS, "lists for the past")
            yield System(kafka, triton, source, settings, tmp_path)


def publish_past(source: Source) -> None:
    """Every customer keeps to one shelf, one order every ten days."""
    rng = random.Random(1)
    for order in range(ORDERS):
        for user in range(USERS):
            items = rng.sample(SHELVES[user % len(SHELVES)], 3)
            source.buy(f"u{user}", f"past {user} {order}", *items, at=START + timedelta(days=10 * order, minutes=user))
    source.flush()


def train(system: System) -> None:
    command = [sys.executable, "-m", "deploy", "trainer"]
    environment = environment_of(system.kafka, **system.settings)
    with ChildProcess(command, name="trainer", log=system.folder / "trainer.log", environment=environment) as trainer:
        assert trainer.wait(300) == 0, "\n".join(trainer.last_lines())


def list_after_purchase(system: System, user_id: str, event_id: str, *item_ids: str) -> RecommendationList:
    system.source.buy(user_id, event_id, *item_ids, at=START + timedelta(days=70))
    system.source.flush()
    by_event = eventually(lambda: lists_by_event(system.kafka), lambda found: event_id in found, "the list")
    found: RecommendationList = by_event[event_id]
    return found


def test_the_running_worker_switches_to_a_trained_model_and_survives_its_server(system: System) -> None:
    assert list_after_purchase(system, "u0", "before", "tea0").source == "fallback"

    train(system)
    by_model = eventually_from(system, "model")
    assert by_model.model is not None
    assert (by_model.model.name, by_model.model.version) == ("next-purchase", 1)
    assert len(by_model.items) == 5
    assert all(item.item_id.startswith("tea") for item in by_model.items[:3])
    assert {reason for item in by_model.items for reason in item.because} <= set(SHELVES[0])

    unknown = list_after_purchase(system, "new customer", "unknown item", "never seen before")
    assert (unknown.source, unknown.model) == ("fallback", None)

    system.triton.stop()
    assert list_after_purchase(system, "u0", "Triton is gone", "tea1").source == "fallback"
    system.triton.start()
    assert eventually_from(system, "model").source == "model"


def eventually_from(system: System, source: str) -> RecommendationList:
    found: RecommendationList = eventually(lambda: _next_list(system), lambda each: each.source == source, source)
    return found


def _next_list(system: System) -> RecommendationList:
    event_id = f"next {random.SystemRandom().random()}"
    return list_after_purchase(system, "u0", event_id, "tea0")
