"""Versions that must never serve are refused before they are announced, and what serves goes on."""

import math
from collections.abc import Callable

import msgspec
import numpy as np
import pytest

from deploy.stack.triton import TritonServer
from serving.errors import ServingError
from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from tests import small_model
from tests.faults import models
from tests.small_model import ITEM_IDS, NAME
from tests.swaps.conftest import Report
from trainer.announcement import announced
from trainer.errors import ReleaseRefused
from trainer.swaps.swaps import Swaps

BAD = 2


def corrupt(server: TritonServer) -> None:
    file = models.publish(server, BAD) / "model.onnx"
    content = bytearray(file.read_bytes())
    content[: len(content) // 2] = b"\xff" * (len(content) // 2)
    file.write_bytes(content)


def truncated(server: TritonServer) -> None:
    models.damage(models.publish(server, BAD), "model.onnx")


def truncated_vocabulary(server: TritonServer) -> None:
    models.damage(models.publish(server, BAD), "items.json")


def truncated_golden(server: TritonServer) -> None:
    models.damage(models.publish(server, BAD), "golden.npz")


def wrong_shape(server: TritonServer) -> None:
    """Answers as many candidates as it did in training, and one more."""
    golden_file = models.publish(server, BAD) / "golden.npz"
    with np.load(golden_file) as arrays:
        cut = {name: array[:, :-1] if name.startswith("answers.") else array for name, array in arrays.items()}
    np.savez_compressed(golden_file, **cut)


def other_inputs(server: TritonServer) -> None:
    """A graph that asks for something that this code does not compute."""
    file = models.publish(server, BAD) / "model.onnx"
    file.write_bytes(file.read_bytes().replace(b"orders_ago", b"orders_bgo"))


def no_number(server: TritonServer) -> None:
    models.publish_wrong(server, BAD, "scores", math.nan)


def no_such_item(server: TritonServer) -> None:
    models.publish_wrong(server, BAD, "first", 1_000)


def no_such_item_as_in_training(server: TritonServer) -> None:
    """The graph answers as it did in training, with items that its vocabulary does not have."""
    repository = ModelRepository(server.model_repository)
    small_model.publish(repository, BAD)
    file = repository.path / NAME / str(BAD) / "items.json"
    file.write_bytes(msgspec.json.encode(ITEM_IDS[:5]))
    metadata = repository.path / NAME / str(BAD) / "metadata.json"
    metadata.write_bytes(msgspec.json.encode(msgspec.json.decode(metadata.read_bytes()) | {"n_items": 5}))


def padding(server: TritonServer) -> None:
    models.publish_wrong(server, BAD, "first", -1_000)


def other_answers(server: TritonServer) -> None:
    file = models.publish(server, BAD) / "model.onnx"
    file.write_bytes(small_model.onnx_bytes(len(ITEM_IDS), shift=3))


def other_features(server: TritonServer) -> None:
    """Trained on inputs that have meant something else."""
    file = models.publish(server, BAD) / "metadata.json"
    metadata = msgspec.json.decode(file.read_bytes())
    metadata["features"]["sequence_length"] += 1
    file.write_bytes(msgspec.json.encode(metadata))


FAULTS: list[Callable[[TritonServer], None]] = [
    corrupt,
    truncated,
    truncated_vocabulary,
    truncated_golden,
    wrong_shape,
    other_inputs,
    no_number,
    no_such_item,
    no_such_item_as_in_training,
    padding,
    other_answers,
    other_features,
]


def test_a_bad_version_is_neither_promoted_nor_tried_and_the_serving_one_goes_on(
    kafka: KafkaConnection,
    server: TritonServer,
    swaps: Swaps,
    repository: ModelRepository,
    control: TritonControl,
    report: Report,
) -> None:
    models.publish(server, 1)
    serving = swaps.promote(1, "the first").announced
    golden = repository.read_golden(NAME, 1)
    refusals = {}
    for fault in FAULTS:
        fault(server)
        refusals[fault.__name__] = [refusal(lambda: swaps.promote(BAD, "by hand"))]
        refusals[fault.__name__] += [refusal(lambda: swaps.challenge(BAD, "canary", 0.1, "by hand"))]
        assert announced(kafka, NAME) == serving, fault.__name__
        assert repository.pinned(NAME) == (1,)
        assert np.array_equal(control.ask(NAME, 1, golden.inputs).item_index, golden.answers.item_index)
        repository.remove(NAME, BAD)
    report("bad versions", refused={name: told[0] for name, told in refusals.items()})
    assert [told for both in refusals.values() for told in both if "\n" in told or str(BAD) not in told] == []


def test_after_all_bad_versions_a_good_one_is_promoted(
    server: TritonServer, swaps: Swaps, repository: ModelRepository
) -> None:
    models.publish(server, 1)
    swaps.promote(1, "the first")
    truncated(server)
    with pytest.raises(ReleaseRefused):
        swaps.promote(BAD, "by hand")
    models.publish(server, 3, shift=1)
    assert swaps.promote(3, "by hand").announced.before == [1]
    assert repository.pinned(NAME) == (1, 3)


def refusal(change: Callable[[], object]) -> str:
    with pytest.raises((ReleaseRefused, ServingError)) as refused:
        change()
    return str(refused.value)
