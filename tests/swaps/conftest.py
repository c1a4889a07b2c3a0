"""A Triton whose versions may be changed at will, and where the figures are told."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from serving.triton import TritonSettings
from serving.triton_control import TritonControl, connected
from streams.contract.connection import KafkaConnection
from tests.small_model import NAME
from trainer.swaps.settings import SwapSettings
from trainer.swaps.swaps import Swaps

SETTINGS = SwapSettings(workers_within_s=120, grace_s=0.2, keep_loaded=1)

Report = Callable[..., None]


@pytest.fixture
def report(capsys: pytest.CaptureFixture[str]) -> Report:
    """Tells the figures of one item as a line of JSON."""
    began = time.monotonic()

    def tell(item: str, **figures: Any) -> None:
        line = {"item": item, "seconds": round(time.monotonic() - began, 1)} | figures
        with capsys.disabled():
            sys.stdout.write("\n" + msgspec.json.encode(line).decode() + "\n")

    return tell


@pytest.fixture
def server(tmp_path: Path) -> Iterator[TritonServer]:
    """A Triton with an empty repository."""
    with TritonServer(tmp_path / "models", tmp_path / "triton") as running:
        yield running


@pytest.fixture
def repository(server: TritonServer) -> ModelRepository:
    return ModelRepository(server.model_repository)


@pytest.fixture
def control(server: TritonServer) -> Iterator[TritonControl]:
    with connected(TritonSettings(server.grpc_address)) as found:
        yield found


@pytest.fixture
def swaps(kafka: KafkaConnection, repository: ModelRepository, control: TritonControl) -> Swaps:
    return Swaps(NAME, kafka, repository, control, SETTINGS)
