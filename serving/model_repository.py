"""The model repository: each released version in a folder of its own, as Triton reads them.

    <path>/<name>/config.pbtxt             which versions to load, and how (serving.model_config)
    <path>/<name>/configs/…                the same for the other backend
    <path>/<name>/<version>/model.onnx     the graph
                            model.py       runs it in Triton's python backend
                            metadata.json  what it learnt from and how good it was
                            items.json     its vocabulary
                            golden.npz     inputs, and what the trained model answered to them

A version is written beside (`<version>.tmp`, which Triton ignores) and renamed into place; what is in
place is never changed.
"""

import contextlib
import fcntl
import io
import shutil
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Struct

from serving import durable_files, features, model_config
from serving.candidates import Candidates
from serving.errors import FeatureMismatch, RepositoryBusy, VersionNotFound
from serving.features import INPUT_TYPES, ModelInputs
from serving.vocabulary import Vocabulary

T = TypeVar("T")
_PYTHON_BACKEND = Path(__file__).parent / "python_backend" / "model.py"


class Features(Struct, frozen=True):
    """What the inputs mean to a version."""

    sequence_length: int
    first_item: int
    inputs: tuple[str, ...] = ()
    """None where a version does not say: it was made before they had other names."""


COMPUTED = Features(features.SEQUENCE_LENGTH, features.FIRST_ITEM, tuple(INPUT_TYPES))
"""What this code computes."""


class Metadata(Struct, frozen=True):
    """What a version is: what it learnt from, and how good it was on days that it had not seen."""

    name: str
    version: int
    created_at: datetime
    trained_from: datetime
    trained_to: datetime
    n_events: int
    n_orders: int
    n_items: int
    k_candidates: int
    metrics: dict[str, float]
    features: Features = COMPUTED
    grain: Literal["order", "line"] = "order"
    """What the version answers: the next order, or the next line of an order that is open."""
    decision: dict[str, Any] | None = None
    """Why it was released, as whoever decided has put it: shown, never interpreted here."""


class Golden(NamedTuple):
    """Inputs, and what the trained model answered to them; a server must answer the same."""

    inputs: ModelInputs
    answers: Candidates


class ReleasedVersion(NamedTuple):
    """What a reader of answers needs to know of a version."""

    metadata: Metadata
    vocabulary: Vocabulary


class ModelRepository:
    """The versions of all models under one folder, which may be missing as long as nothing is published."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def versions(self, name: str) -> list[int]:
        """The published versions of a model, oldest first."""
        return sorted(int(folder.name) for folder in self.path.glob(f"{name}/[0-9]*") if folder.name.isdigit())

    def next_version(self, name: str) -> int:
        """A number that no version has had."""
        return max(self.versions(name), default=0) + 1

    def publish(self, metadata: Metadata, vocabulary: Vocabulary, onnx: bytes, golden: Golden) -> Path:
        """Put a version into place, whole or not at all; its folder. FileExistsError if the number is taken.

        It is not loaded by that: see `pin`.
        """
        place = self._folder(metadata.name, metadata.version)
        if place.exists():
            raise FileExistsError(f"{place} is published and never overwritten")
        beside = place.with_name(f"{place.name}.tmp")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        contents = {
            "model.onnx": onnx,
            "model.py": _PYTHON_BACKEND.read_bytes(),
            "metadata.json": msgspec.json.format(msgspec.json.encode(metadata)),
            "items.json": msgspec.json.encode(vocabulary.item_ids),
            "golden.npz": _golden_bytes(golden),
        }
        for file, content in contents.items():
            durable_files.write(beside / file, content)
        durable_files.sync_folder(beside)
        beside.rename(place)
        durable_files.sync_folder(place.parent)
        return place

    def read(self, name: str, version: int) -> ReleasedVersion:
        """A version's metadata and vocabulary.

        Raises VersionNotFound where it is missing or damaged, and FeatureMismatch where it was trained on
        other features than this code computes.
        """
        metadata = self._read_json(name, version, "metadata.json", Metadata)
        vocabulary = Vocabulary(self._read_json(name, version, "items.json", list[str]))
        if vocabulary.n_items != metadata.n_items:
            raise VersionNotFound(
                f"{self._folder(name, version)} is damaged: {vocabulary.n_items} items, {metadata.n_items} expected"
            )
        if metadata.features != COMPUTED:
            raise FeatureMismatch(
                f"{name} version {version} was trained on {metadata.features}, this code computes {COMPUTED}; "
                "train a new version, or run the code that it was trained with"
            )
        return ReleasedVersion(metadata, vocabulary)

    def read_golden(self, name: str, version: int) -> Golden:
        """The golden inputs and answers of a version; VersionNotFound where they are missing or damaged."""
        path = self._folder(name, version) / "golden.npz"
        try:
            with np.load(path, allow_pickle=False) as arrays:
                inputs = {key: arrays[f"inputs.{key}"] for key in INPUT_TYPES}
                return Golden(inputs, Candidates(*(arrays[f"answers.{key}"] for key in Candidates._fields)))
        except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise VersionNotFound(f"{path} cannot be read: {error}") from None

    def read_onnx(self, name: str, version: int) -> bytes:
        """The graph of a version; VersionNotFound where it is missing."""
        path = self._folder(name, version) / "model.onnx"
        try:
            return path.read_bytes()
        except OSError as error:
            raise VersionNotFound(f"{path} cannot be read: {error}") from None

    def pin(self, name: str, versions: Sequence[int]) -> None:
        """Have Triton load exactly these versions, at its next load of the model and after each restart."""
        for file in model_config.BACKENDS:
            path = self.path / name / file
            path.parent.mkdir(parents=True, exist_ok=True)
            durable_files.replace(path, model_config.render(file, name, versions).encode())

    def remove(self, name: str, version: int) -> None:
        """Delete a version that nobody needs; one that is cut short leaves nothing that looks like a version."""
        place = self._folder(name, version)
        leaving = place.with_name(f"{version}.removed")
        place.rename(leaving)
        shutil.rmtree(leaving)

    @contextlib.contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """While which versions serve is being changed, by one process at a time, on whichever machine that shares
        the folder; RepositoryBusy where another one does so. A process that dies lets go."""
        self.path.mkdir(parents=True, exist_ok=True)
        # Not in the model's own folder, where Triton would take it for a change of the model.
        with (self.path / f".{name}.lock").open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise RepositoryBusy(
                    f"somebody else is changing which version of {name} answers; wait until that is done"
                ) from None
            yield

    def pinned(self, name: str) -> tuple[int, ...]:
        """The versions that are to be loaded; none where the model was never pinned."""
        path = self.path / name / model_config.DEFAULT
        return model_config.pinned_versions(path.read_text()) if path.exists() else ()

    def _folder(self, name: str, version: int) -> Path:
        return self.path / name / str(version)

    def _read_json(self, name: str, version: int, file: str, kind: type[T]) -> T:
        path = self._folder(name, version) / file
        try:
            return msgspec.json.decode(path.read_bytes(), type=kind)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise VersionNotFound(f"{path} cannot be read: {error}") from None


def _golden_bytes(golden: Golden) -> bytes:
    arrays = {f"inputs.{key}": array for key, array in golden.inputs.items()}
    arrays |= {f"answers.{key}": array for key, array in golden.answers._asdict().items()}
    file = io.BytesIO()
    np.savez_compressed(file, allow_pickle=False, **arrays)
    return file.getvalue()
