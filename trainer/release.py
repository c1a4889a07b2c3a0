"""From a checked model to the version that answers.

 1. The version is written into the repository, beside the others.
 2. Triton loads it beside the one that answers now, which goes on answering.
 3. Triton must answer the golden inputs as the trained model did.
 4. It is announced; the workers switch between two batches, from a version that is still loaded.

Whatever fails before the announcement leaves the one before in its place.
"""

import math
from typing import NamedTuple

import msgspec

from serving.candidates import difference
from serving.errors import ServingError
from serving.model_repository import Golden, Metadata, ModelRepository
from serving.triton_control import TritonControl
from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Decision, ModelVersion
from trainer.announcement import announce, announced
from trainer.errors import ReleaseRefused

__all__ = ["Release", "announce", "release"]


class Release(NamedTuple):
    """Everything that makes a version; `metadata.version` is set when it is released."""

    metadata: Metadata
    vocabulary: Vocabulary
    onnx: bytes
    golden: Golden


def release(
    candidate: Release,
    repository: ModelRepository,
    control: TritonControl,
    connection: KafkaConnection,
    decision: Decision | None = None,
) -> ModelVersion:
    """Release a version under the next free number; ReleaseRefused, with the reason, if a check fails.

    `decision` says why it is released; it is kept with the version and announced with it.
    """
    name = candidate.metadata.name
    _check_metrics(candidate.metadata)
    before = announced(connection, name)
    # Counting on from the announced one, too: a number that workers have seen must not come back.
    version = max(repository.next_version(name), before.version + 1 if before else 1)
    kept = None if decision is None else msgspec.to_builtins(decision)
    metadata = msgspec.structs.replace(candidate.metadata, version=version, decision=kept)
    repository.publish(metadata, candidate.vocabulary, candidate.onnx, candidate.golden)
    serving = [before.version] if before and before.version in repository.versions(name) else []
    _load_beside(metadata, serving, repository, control)
    return announce(connection, metadata, decision.reason if decision else "newly trained", decision)


def _check_metrics(metadata: Metadata) -> None:
    wrong = [key for key, value in metadata.metrics.items() if not math.isfinite(value)]
    if wrong:
        raise ReleaseRefused(f"{metadata.name}: not a finite number: {', '.join(wrong)}; nothing was released")


def _load_beside(metadata: Metadata, serving: list[int], repository: ModelRepository, control: TritonControl) -> None:
    """Have Triton hold the version beside those that serve; if it does not answer well, take it out again."""
    name, version = metadata.name, metadata.version
    earlier = repository.pinned(name)
    repository.pin(name, [*serving, version])
    try:
        control.load(name, [*serving, version])
        golden = repository.read_golden(name, version)
        fault = difference(golden.answers, control.ask(name, version, golden.inputs))
    except ServingError as error:
        fault = str(error)
    if not fault:
        return
    _restore(name, earlier, repository, control)
    raise ReleaseRefused(f"{name} version {version} was not announced: {fault}")


def _restore(name: str, earlier: tuple[int, ...], repository: ModelRepository, control: TritonControl) -> None:
    repository.pin(name, earlier)
    if not earlier:
        return
    try:
        control.load(name, earlier)
    except ServingError as error:
        raise ReleaseRefused(f"Triton could not be brought back to {name} {earlier}: {error}") from None
