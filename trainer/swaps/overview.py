"""What there is of a model, for whoever decides: each version, what it does, and what is known of it."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

from msgspec import Struct

from serving.errors import ServingError, VersionNotFound
from serving.model_repository import Metadata, ModelRepository
from serving.triton_control import TritonControl
from streams.contract.messages import ModelVersion, WorkerState
from trainer.swaps.workers import follows

Role: TypeAlias = Literal["serves", "canary", "shadow", "served before", ""]


class VersionState(Struct, frozen=True):
    """One version. `fault` says why it could not answer; its `metadata` is missing where that is unreadable."""

    version: int
    role: Role
    loaded: bool
    metadata: Metadata | None
    fault: str = ""


class Overview(Struct, frozen=True):
    """All versions, oldest first, and the workers that run."""

    name: str
    announced: ModelVersion | None
    versions: list[VersionState]
    workers: list[WorkerState]

    @property
    def late(self) -> list[str]:
        """Workers that ask something else than what was announced."""
        if self.announced is None:
            return []
        return [state.worker for state in self.workers if not follows(state, self.announced)]


def overview(
    name: str,
    announced: ModelVersion | None,
    repository: ModelRepository,
    control: TritonControl,
    workers: Sequence[WorkerState],
) -> Overview:
    """ModelUnavailable where Triton does not answer."""
    states = [
        _state(repository, name, version, announced, control.is_ready(name, version))
        for version in repository.versions(name)
    ]
    return Overview(name, announced, states, list(workers))


def role_of(version: int, announced: ModelVersion | None) -> Role:
    """What a version does by the announcement."""
    if announced is None:
        return ""
    if version == announced.version:
        return "serves"
    if announced.challenger and version == announced.challenger.version:
        return announced.challenger.mode
    return "served before" if version in announced.before else ""


def _state(
    repository: ModelRepository, name: str, version: int, announced: ModelVersion | None, loaded: bool
) -> VersionState:
    role = role_of(version, announced)
    try:
        return VersionState(version, role, loaded, repository.read(name, version).metadata)
    except ServingError as error:
        return VersionState(version, role, loaded, None, str(error))


def version_state(found: Overview, version: int) -> VersionState:
    """One of them; VersionNotFound where there is none."""
    for state in found.versions:
        if state.version == version:
            return state
    known = ", ".join(str(state.version) for state in found.versions) or "none"
    raise VersionNotFound(f"{found.name} has no version {version}; there are: {known}")
