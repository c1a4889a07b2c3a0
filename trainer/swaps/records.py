"""What the next record on `model-versions` says, given the one that stands: pure."""

from datetime import datetime

import msgspec

from serving.model_repository import Metadata
from streams.contract.messages import Decision, ModelVersion

REMEMBERED = 10
"""How many versions back the way of the rollbacks leads."""


def successor(
    metadata: Metadata, standing: ModelVersion | None, at: datetime, reason: str, decision: Decision | None = None
) -> ModelVersion:
    """A version takes the place of the one that stands, whose challenger goes on being tried unless it is this one."""
    challenger = standing.challenger if standing else None
    return ModelVersion(
        name=metadata.name,
        version=metadata.version,
        since=at,
        reason=reason,
        trained_from=metadata.trained_from,
        trained_to=metadata.trained_to,
        n_events=metadata.n_events,
        metrics=metadata.metrics,
        decision=decision or (standing.decision if standing else None),
        challenger=challenger if challenger and challenger.version != metadata.version else None,
        before=_before(standing, metadata.version),
    )


def predecessor(
    metadata: Metadata, standing: ModelVersion, at: datetime, reason: str, decision: Decision | None = None
) -> ModelVersion:
    """A version that served before takes its place again; those after it are not remembered as served."""
    place = standing.before.index(metadata.version)
    made = successor(metadata, standing, at, reason, decision)
    return msgspec.structs.replace(made, before=standing.before[place + 1 :], instead_of=standing.version)


def _before(standing: ModelVersion | None, version: int) -> list[int]:
    if standing is None:
        return []
    served = dict.fromkeys([standing.version, *standing.before])
    return [each for each in served if each != version][:REMEMBERED]
