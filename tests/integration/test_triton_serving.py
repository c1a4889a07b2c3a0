"""The model repository, the control and the client against a real Triton server."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from deploy.stack.triton import TritonServer
from serving.candidates import Candidates
from serving.errors import ModelUnavailable
from serving.features import SEQUENCE_LENGTH, ModelInputs
from serving.model_repository import ModelRepository
from serving.triton import TritonClient, TritonSettings
from serving.triton_control import TritonControl, connected
from tests import small_model

N_ITEMS = len(small_model.ITEM_IDS)
PATIENT_MS = 5_000


class Model:
    """A model of its own for one test, on the server that all tests share."""

    def __init__(self, name: str, server: TritonServer, control: TritonControl) -> None:
        self.name = name
        self.repository = ModelRepository(server.model_repository)
        self.control = control

    def publish(self, *versions: int) -> None:
        for version in versions:
            small_model.publish(self.repository, version, shift=version, name=self.name)

    def hold(self, *versions: int) -> None:
        self.repository.pin(self.name, versions)
        self.control.load(self.name, versions)

    def ready(self, *versions: int) -> list[int]:
        return [version for version in versions if self.control.is_ready(self.name, version)]


@pytest.fixture
def settings(triton: TritonServer) -> TritonSettings:
    return TritonSettings(url=triton.grpc_address, deadline_ms=PATIENT_MS)


@pytest.fixture
def model(triton: TritonServer, settings: TritonSettings, request: pytest.FixtureRequest) -> Iterator[Model]:
    with connected(settings) as control:
        yield Model(request.node.name.split("[")[0], triton, control)


@pytest.fixture
async def client(settings: TritonSettings) -> AsyncIterator[TritonClient]:
    client = TritonClient(settings)
    yield client
    await client.close()


def inputs(rows: int) -> ModelInputs:
    """Histories of any length, short and long ones in turn."""
    random = small_model.random_inputs(rows, N_ITEMS, seed=rows)
    length = np.random.default_rng(rows).integers(1, SEQUENCE_LENGTH + 1, rows)
    is_line = np.arange(SEQUENCE_LENGTH) >= SEQUENCE_LENGTH - length[:, None]
    return {name: np.where(is_line, values, 0).astype(values.dtype) for name, values in random.items()}


def assert_same(found: Candidates, expected: Candidates) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


async def test_a_released_version_answers_its_golden_inputs(model: Model, client: TritonClient) -> None:
    model.publish(1)
    model.hold(1)
    golden = model.repository.read_golden(model.name, 1)
    assert await client.is_ready(model.name, 1)
    assert_same(await client.candidates(model.name, 1, golden.inputs), golden.answers)
    assert_same(model.control.ask(model.name, 1, golden.inputs), golden.answers)


@pytest.mark.parametrize("rows", [1, 255, 256, 257, 1000])
async def test_a_batch_of_any_size_is_answered_in_its_order(model: Model, client: TritonClient, rows: int) -> None:
    if not model.repository.versions(model.name):
        model.publish(1)
        model.hold(1)
    batch = inputs(rows)
    assert_same(await client.candidates(model.name, 1, batch), small_model.answers(batch, N_ITEMS, shift=1))


async def test_the_old_version_answers_without_a_gap_while_new_ones_are_loaded(
    model: Model, client: TritonClient
) -> None:
    model.publish(1, 2, 3)
    model.hold(1)
    batch, done = inputs(4), asyncio.Event()
    expected = small_model.answers(batch, N_ITEMS, shift=1)

    async def ask_until_done() -> int:
        n = 0
        while not done.is_set():
            assert_same(await client.candidates(model.name, 1, batch), expected)
            n += 1
        return n

    asking = asyncio.create_task(ask_until_done())
    for newer in (2, 3):
        await asyncio.to_thread(model.hold, 1, newer)
        answer = await client.candidates(model.name, newer, batch)
        assert_same(answer, small_model.answers(batch, N_ITEMS, shift=newer))
    done.set()
    assert await asking > 10
    assert model.ready(1, 2, 3) == [1, 3]


def test_a_version_that_is_no_longer_pinned_is_unloaded(model: Model) -> None:
    model.publish(1, 2)
    model.hold(1, 2)
    model.hold(2)
    assert model.ready(1, 2) == [2]


def test_a_pinned_version_that_is_not_there_is_an_error_though_triton_says_ok(model: Model) -> None:
    model.publish(1)
    with pytest.raises(ModelUnavailable, match="not version 2"):
        model.hold(1, 2)
    assert model.ready(1, 2) == [1]


def test_a_damaged_version_is_an_error_and_the_others_go_on(model: Model) -> None:
    model.publish(1, 2, 3)
    model.hold(1)
    (model.repository.path / model.name / "2" / "model.onnx").write_bytes(b"damaged")
    with pytest.raises(ModelUnavailable, match="loading"):
        model.hold(1, 2)
    model.hold(1, 3)
    assert model.ready(1, 2, 3) == [1, 3]


async def test_an_unknown_version_is_unavailable(model: Model, client: TritonClient) -> None:
    model.publish(1)
    model.hold(1)
    assert not await client.is_ready(model.name, 9)
    with pytest.raises(ModelUnavailable, match="version 9"):
        await client.candidates(model.name, 9, inputs(1))


async def test_an_answer_after_the_deadline_is_unavailable(model: Model, settings: TritonSettings) -> None:
    model.publish(1)
    model.hold(1)
    hasty = TritonClient(TritonSettings(url=settings.url, deadline_ms=0.01))
    with pytest.raises(ModelUnavailable, match="Deadline"):
        await hasty.candidates(model.name, 1, inputs(64))
    await hasty.close()


async def test_a_server_that_does_not_run_is_unavailable_at_once_and_never_ready() -> None:
    client = TritonClient(TritonSettings(url="127.0.0.1:1"))
    assert not await client.is_ready("any", 1)
    with pytest.raises(ModelUnavailable, match=r"127\.0\.0\.1:1"):
        await client.candidates("any", 1, inputs(1))
    await client.close()


async def test_an_input_of_the_wrong_width_is_unavailable(model: Model, client: TritonClient) -> None:
    model.publish(1)
    model.hold(1)
    narrow = {name: array[:, :7].copy() for name, array in inputs(2).items()}
    with pytest.raises(ModelUnavailable, match="shape"):
        await client.candidates(model.name, 1, narrow)


async def test_the_pinned_versions_survive_a_restart(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("restarted")
    name = small_model.NAME
    repository = ModelRepository(folder / "models")
    for version in (1, 2, 3):
        small_model.publish(repository, version)
    with TritonServer(folder / "models", folder) as server, connected(TritonSettings(server.grpc_address)) as control:
        repository.pin(name, [3])
        control.load(name, [3])
        repository.pin(name, [1, 2])
        control.load(name, [1, 2])
    with TritonServer(folder / "models", folder) as server, connected(TritonSettings(server.grpc_address)) as control:
        assert [version for version in (1, 2, 3) if control.is_ready(name, version)] == [1, 2]
