"""What the damage is done to, and where its counts are told."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.stack.locations import RUN_TIME
from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import connected
from streams.contract.connection import KafkaConnection
from tests.faults.fleet import Progress, Worker
from tests.small_model import NAME, publish
from trainer.announcement import announce

MakeWorker = Callable[..., Worker]
Report = Callable[..., None]


@pytest.fixture
def report(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Report:
    """Tells the counts of one damage as a line of JSON, here and in .nextup/faults.jsonl."""
    began = time.monotonic()

    def tell(damage: str, **counts: Any) -> None:
        line = {"damage": damage, "seconds": round(time.monotonic() - began, 1)} | counts
        text = msgspec.json.encode(line).decode() + "\n"
        with capsys.disabled():
            sys.stdout.write("\n" + text)
        RUN_TIME.mkdir(exist_ok=True)
        with (RUN_TIME / "faults.jsonl").open("a") as file:
            file.write(text)

    return tell


@pytest.fixture(scope="session")
def model_server(triton: TritonServer) -> TritonServer:
    """Triton with the small model's first version, whose answers follow from the newest item alone."""
    repository = ModelRepository(triton.model_repository)
    publish(repository, 1)
    load(triton, 1)
    return triton


def load(triton: TritonServer, *versions: int) -> None:
    """Have Triton hold these versions."""
    ModelRepository(triton.model_repository).pin(NAME, versions)
    with connected(TritonSettings(triton.grpc_address)) as control:
        control.load(NAME, versions)


def announce_version(kafka: KafkaConnection, triton: TritonServer, version: int) -> None:
    announce(kafka, ModelRepository(triton.model_repository).read(NAME, version).metadata, "for this test")


def settings_for(triton: TritonServer, deadline_ms: int = 5_000) -> dict[str, str]:
    return {
        "NEXTUP_TRITON_URL": triton.grpc_address,
        "NEXTUP_TRITON_DEADLINE_MS": str(deadline_ms),
        "NEXTUP_MODELS_REPOSITORY": str(triton.model_repository),
    }


@pytest.fixture
def progress(kafka: KafkaConnection) -> Iterator[Progress]:
    found = Progress(kafka)
    yield found
    found.close()


@pytest.fixture
def make_worker(kafka: KafkaConnection, model_server: TritonServer, tmp_path: Path) -> MakeWorker:
    """Makes workers that ask the model server, by name; they are not started."""
    announce_version(kafka, model_server, 1)

    def make(name: str, **settings: str) -> Worker:
        return Worker(kafka, tmp_path, name, settings_for(model_server) | settings)

    return make
