"""Which versions a worker asks, after what was announced."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from serving.model_repository import ModelRepository
from streams.contract import messages
from streams.contract.messages import Challenger, ModelVersion
from streams.worker.model_switch import ModelSwitch
from tests import small_model
from tests.small_model import NAME

NOW = datetime(2011, 12, 9, tzinfo=UTC)
CANARY = Challenger(2, "canary", 0.25, NOW, "tried")


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    repository = ModelRepository(tmp_path)
    for version in (1, 2):
        small_model.publish(repository, version)
    return repository


@pytest.fixture
def switch(repository: ModelRepository) -> ModelSwitch:
    return ModelSwitch(repository, NAME)


def announced(version: int, challenger: Challenger | None = None) -> bytes:
    return messages.encode(ModelVersion(NAME, version, NOW, "test", NOW, NOW, 1, {}, challenger=challenger))


def versions(switch: ModelSwitch) -> tuple[int | None, int | None]:
    serving, trial = switch.current
    return serving.ref.version if serving else None, trial.model.ref.version if trial else None


def test_an_announcement_changes_what_is_asked_and_keeps_what_is_known(switch: ModelSwitch) -> None:
    assert versions(switch) == (None, None)
    switch.on_record(NAME.encode(), announced(1, CANARY))
    before = switch.current
    assert versions(switch) == (1, 2)
    assert before.trial is not None
    assert (before.trial.mode, before.trial.share) == ("canary", 0.25)
    switch.on_record(NAME.encode(), announced(2))
    assert versions(switch) == (2, None)
    assert switch.current.serving is before.trial.model


@pytest.mark.parametrize("file", ["metadata.json", "items.json"])
def test_a_damaged_version_leaves_the_one_before_in_its_place(
    switch: ModelSwitch, repository: ModelRepository, file: str
) -> None:
    switch.on_record(NAME.encode(), announced(1))
    damaged = repository.path / NAME / "2" / file
    damaged.write_bytes(damaged.read_bytes()[:-10])
    switch.on_record(NAME.encode(), announced(2))
    assert versions(switch) == (1, None)


def test_a_challenger_that_is_not_there_is_not_tried_and_the_serving_version_goes_on(switch: ModelSwitch) -> None:
    switch.on_record(NAME.encode(), announced(1, Challenger(9, "shadow", 1.0, NOW, "tried")))
    assert versions(switch) == (1, None)


@pytest.mark.parametrize(("key", "value"), [(b"another", announced(2)), (NAME.encode(), None), (b"\xff", b"{")])
def test_what_is_no_announcement_of_this_model_changes_nothing(
    switch: ModelSwitch, key: bytes, value: bytes | None
) -> None:
    switch.on_record(NAME.encode(), announced(1))
    switch.on_record(key, value)
    assert versions(switch) == (1, None)
