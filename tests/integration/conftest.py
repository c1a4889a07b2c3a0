"""What trains and releases against the real servers."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import TritonControl, connected
from streams.contract.connection import KafkaConnection
from tests.integration.trainers import SETTINGS, Trainer
from trainer.nightly.run import Systems
from trainer.swaps.settings import SwapSettings

LONGEST_FIRST = ("test_demo.py", "test_worker.py", "test_whole_path.py", "test_rebuild.py", "test_erasure.py")
"""Files that take minutes: begun last, they would keep one process busy while the others have nothing left to do."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return str(request.node.name)


@pytest.fixture
def repository(triton: TritonServer) -> ModelRepository:
    return ModelRepository(triton.model_repository)


@pytest.fixture
def trainer(
    kafka: KafkaConnection, settings: TritonSettings, repository: ModelRepository, name: str, tmp_path: Path
) -> Trainer:
    learning = msgspec.structs.replace(SETTINGS, datadir=str(tmp_path / "trainer"))
    return Trainer(Systems(kafka, settings, repository, name, SwapSettings(grace_s=0)), learning)


@pytest.fixture
def settings(triton: TritonServer) -> TritonSettings:
    return TritonSettings(triton.grpc_address)


@pytest.fixture
def control(settings: TritonSettings) -> Iterator[TritonControl]:
    with connected(settings) as control:
        yield control
