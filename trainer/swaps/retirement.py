"""What nobody asks any more is unloaded, and what is too old is removed."""

import time
from collections.abc import Sequence
from typing import NamedTuple

from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion
from trainer.swaps import workers
from trainer.swaps.loading import hold
from trainer.swaps.settings import SwapSettings


class Retired(NamedTuple):
    """What became of the versions before."""

    unloaded: tuple[int, ...] = ()
    removed: tuple[int, ...] = ()
    late: tuple[str, ...] = ()
    """Workers that have not switched; nothing is unloaded then, and the next change makes up for it."""


def retire(
    announced: ModelVersion,
    connection: KafkaConnection,
    repository: ModelRepository,
    control: TritonControl,
    settings: SwapSettings,
) -> Retired:
    """Wait until all workers ask what was announced and a grace time is over; then drop what is not kept.

    Where no worker runs nobody is waited for.
    """
    waited = workers.await_all(connection, announced, settings.workers_within_s)
    if waited.late:
        return Retired(late=waited.late)
    name, pinned = announced.name, repository.pinned(announced.name)
    held = to_hold(announced, pinned, settings.keep_loaded)
    if held != pinned:
        time.sleep(settings.grace_s if waited.following else 0)
        hold(name, held, repository, control)
    removed = to_remove(repository.versions(name), held, settings.keep_versions)
    for version in removed:
        repository.remove(name, version)
    return Retired(tuple(version for version in pinned if version not in held), removed)


def to_hold(announced: ModelVersion, pinned: Sequence[int], keep_loaded: int) -> tuple[int, ...]:
    """Of the versions that are loaded: what serves, what challenges, and so many of those that served before."""
    kept = {announced.version, *announced.before[:keep_loaded]}
    if announced.challenger:
        kept.add(announced.challenger.version)
    return tuple(version for version in pinned if version in kept)


def to_remove(versions: Sequence[int], held: Sequence[int], keep_versions: int) -> tuple[int, ...]:
    """All but the newest, and none that is held."""
    return tuple(version for version in sorted(versions)[:-keep_versions] if version not in held)
