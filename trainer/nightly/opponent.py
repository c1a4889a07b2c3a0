"""The version that serves, as a candidate meets it."""

from typing import NamedTuple

from serving.errors import VersionNotFound
from serving.model_repository import ModelRepository
from streams.contract.messages import ModelVersion
from trainer.errors import ExportMismatch
from trainer.nightly.settings import Rule
from trainer.nightly.versions import Version


class Opponent(NamedTuple):
    """A version that can be asked."""

    number: int
    learnt_to: int
    """Unix time of the newest purchase that it has seen."""
    version: Version


def opponent_of(serving: ModelVersion | None, repository: ModelRepository, rule: Rule) -> Opponent | str:
    """The version to compare with or, where there is none, the reason to release without it."""
    if serving is None:
        return "the first version"
    if rule == "always":
        return f"not compared with version {serving.version} (nightly.rule is always)"
    try:
        vocabulary = repository.read(serving.name, serving.version).vocabulary
        version = Version(vocabulary, repository.read_onnx(serving.name, serving.version))
    except (VersionNotFound, ExportMismatch) as error:
        return f"version {serving.version}, which is announced, cannot be compared with: {error}"
    return Opponent(serving.version, int(serving.trained_to.timestamp()), version)
