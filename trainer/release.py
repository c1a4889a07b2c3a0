"""From a checked model to the version that answers.

 1. The version is written into the repository, beside the others.
 2. Triton loads it beside the one that answers now, which goes on answering.
 3. Triton must answer the golden inputs as the trained model did.
 4. It is announced; the workers switch between two batches, from a version that is still loaded.
 5. When all of them have, versions that are not kept are unloaded (trainer.swaps.retirement).

Whatever fails before the announcement leaves the one before in its place.
"""

import math
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from serving.model_repository import Golden, Metadata, ModelRepository
from serving.triton_control import TritonControl
from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Decision, ModelVersion
from trainer.announcement import announced, send
from trainer.errors import ReleaseRefused
from trainer.swaps.loading import load_beside
from trainer.swaps.records import successor
from trainer.swaps.retirement import retire
from trainer.swaps.settings import SwapSettings


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
    settings: SwapSettings = SwapSettings(),  # noqa: B008 - immutable
) -> ModelVersion:
    """Release a version under the next free number; ReleaseRefused, with the reason, if a check fails.

    `decision` says why it is released; it is kept with the version and announced with it.
    """
    name = candidate.metadata.name
    _check_metrics(candidate.metadata)
    with repository.locked(name):
        before = announced(connection, name)
        # Counting on from the announced one, too: a number that workers have seen must not come back.
        version = max(repository.next_version(name), before.version + 1 if before else 1)
        kept = None if decision is None else msgspec.to_builtins(decision)
        metadata = msgspec.structs.replace(candidate.metadata, version=version, decision=kept)
        repository.publish(metadata, candidate.vocabulary, candidate.onnx, candidate.golden)
        load_beside(name, version, repository, control)
        reason = decision.reason if decision else "newly trained"
        made = successor(metadata, before, datetime.now(UTC), reason, decision)
        send(connection, made)
        retire(made, connection, repository, control, settings)
        return made


def _check_metrics(metadata: Metadata) -> None:
    wrong = [key for key, value in metadata.metrics.items() if not math.isfinite(value)]
    if wrong:
        raise ReleaseRefused(f"{metadata.name}: not a finite number: {', '.join(wrong)}; nothing was released")
