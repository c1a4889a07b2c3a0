from pathlib import Path

import msgspec
import numpy as np
import pytest

from serving import model_config
from serving.errors import FeatureMismatch, VersionNotFound
from serving.model_repository import Features, Metadata, ModelRepository
from tests import small_model
from tests.small_model import NAME


@pytest.fixture
def repository(tmp_path: Path) -> ModelRepository:
    return ModelRepository(tmp_path / "models")


def rewrite_metadata(repository: ModelRepository, version: int, **changes: object) -> None:
    path = repository.path / NAME / str(version) / "metadata.json"
    metadata = msgspec.json.decode(path.read_bytes(), type=Metadata)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(metadata, **changes)))


def test_an_empty_repository_has_no_versions_and_begins_with_one(repository: ModelRepository) -> None:
    assert repository.versions(NAME) == []
    assert repository.next_version(NAME) == 1
    assert repository.pinned(NAME) == ()


def test_a_published_version_reads_back_as_it_was(repository: ModelRepository) -> None:
    golden = small_model.publish(repository, 1)
    released = repository.read(NAME, 1)
    assert released.metadata.metrics == {"hit_rate_at_5": 0.5}
    assert released.vocabulary.item_ids == tuple(small_model.ITEM_IDS)
    again = repository.read_golden(NAME, 1)
    for name, array in golden.inputs.items():
        np.testing.assert_array_equal(array, again.inputs[name])
    for expected, found in zip(golden.answers, again.answers, strict=True):
        np.testing.assert_array_equal(expected, found)
        assert expected.dtype == found.dtype


def test_versions_count_upwards_also_past_ten(repository: ModelRepository) -> None:
    for version in (2, 9, 10):
        small_model.publish(repository, version)
    assert repository.versions(NAME) == [2, 9, 10]
    assert repository.next_version(NAME) == 11


def test_a_published_version_is_never_overwritten(repository: ModelRepository) -> None:
    small_model.publish(repository, 1)
    before = (repository.path / NAME / "1" / "model.onnx").read_bytes()
    with pytest.raises(FileExistsError, match="never overwritten"):
        small_model.publish(repository, 1, shift=3)
    assert (repository.path / NAME / "1" / "model.onnx").read_bytes() == before


def test_what_a_crash_left_half_written_is_no_version_and_does_not_hinder_the_next(
    repository: ModelRepository,
) -> None:
    left = repository.path / NAME / "1.tmp"
    left.mkdir(parents=True)
    (left / "model.onnx").write_bytes(b"half")
    assert repository.versions(NAME) == []
    small_model.publish(repository, 1)
    assert repository.versions(NAME) == [1]
    assert not left.exists()


@pytest.mark.parametrize("file", ["metadata.json", "items.json"])
@pytest.mark.parametrize("damage", [None, b"", b"{", b"\xff\xfe", b"[1]"])
def test_a_missing_or_damaged_file_is_a_version_not_found(
    repository: ModelRepository, file: str, damage: bytes | None
) -> None:
    small_model.publish(repository, 1)
    path = repository.path / NAME / "1" / file
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(VersionNotFound, match=file):
        repository.read(NAME, 1)


@pytest.mark.parametrize("damage", [None, b"", b"junk", b"PK\x03\x04 cut off"])
def test_missing_or_damaged_golden_answers_are_a_version_not_found(
    repository: ModelRepository, damage: bytes | None
) -> None:
    small_model.publish(repository, 1)
    path = repository.path / NAME / "1" / "golden.npz"
    path.unlink() if damage is None else path.write_bytes(damage)
    with pytest.raises(VersionNotFound, match=r"golden\.npz"):
        repository.read_golden(NAME, 1)


def test_a_version_that_was_never_published_is_not_found(repository: ModelRepository) -> None:
    with pytest.raises(VersionNotFound):
        repository.read(NAME, 7)


def test_a_vocabulary_that_was_cut_short_is_refused(repository: ModelRepository) -> None:
    small_model.publish(repository, 1)
    rewrite_metadata(repository, 1, n_items=21)
    with pytest.raises(VersionNotFound, match="20 items, 21 expected"):
        repository.read(NAME, 1)


def test_a_version_trained_on_other_features_is_refused_and_says_why(repository: ModelRepository) -> None:
    small_model.publish(repository, 1)
    rewrite_metadata(repository, 1, features=Features(sequence_length=7, first_item=2))
    with pytest.raises(FeatureMismatch, match=r"sequence_length=7.*train a new version"):
        repository.read(NAME, 1)


def test_pinned_versions_stand_in_the_configuration_of_both_backends(repository: ModelRepository) -> None:
    repository.pin(NAME, [3, 12])
    assert repository.pinned(NAME) == (3, 12)
    for file in model_config.BACKENDS:
        text = (repository.path / NAME / file).read_text()
        assert model_config.pinned_versions(text) == (3, 12)
    assert not list((repository.path / NAME).rglob("*.tmp"))


def test_the_two_configurations_differ_in_backend_and_processor_alone(repository: ModelRepository) -> None:
    repository.pin(NAME, [1])
    python, onnxruntime = ((repository.path / NAME / file).read_text().splitlines() for file in model_config.BACKENDS)
    differing = [pair for pair in zip(python, onnxruntime, strict=True) if pair[0] != pair[1]]
    assert differing == [
        ('backend: "python"', 'backend: "onnxruntime"'),
        (
            "instance_group [ { count: 1 kind: KIND_CPU } ]",
            "instance_group [ { count: 1 kind: KIND_AUTO } ]",
        ),
    ]


def test_no_configuration_has_a_queue_policy_which_would_stall_requests() -> None:
    for file in model_config.BACKENDS:
        assert "dynamic_batching { }" in model_config.render(file, NAME, [1])
