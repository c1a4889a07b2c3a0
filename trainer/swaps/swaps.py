"""Promote a version, roll back, try a challenger: one change at a time, refused in one line where it makes no sense.

 1. The version is loaded beside those that are there, and answers its golden inputs through Triton.
 2. It is announced; the workers switch between two batches.
 3. When all of them have, and a grace time is over, what is not kept is unloaded (trainer.swaps.retirement).

Whatever fails before step 2 leaves everything as it was. Cut short after it, the next change makes up for step 3.
"""

from datetime import UTC, datetime
from typing import Literal, NamedTuple

import msgspec

from serving.model_repository import Metadata, ModelRepository
from serving.triton_control import TritonControl
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Challenger, Decision, ModelVersion
from trainer.announcement import announced, send
from trainer.errors import ReleaseRefused
from trainer.swaps import records
from trainer.swaps.loading import load_beside
from trainer.swaps.retirement import Retired, retire
from trainer.swaps.settings import SwapSettings


class Swap(NamedTuple):
    """What was announced, and what became of the versions before."""

    announced: ModelVersion
    retired: Retired


class Swaps:
    """Changes which versions of one model answer. RepositoryBusy where somebody else is about to."""

    def __init__(
        self,
        name: str,
        connection: KafkaConnection,
        repository: ModelRepository,
        control: TritonControl,
        settings: SwapSettings,
    ) -> None:
        self._name = name
        self._connection = connection
        self._repository = repository
        self._control = control
        self._settings = settings

    def promote(self, version: int, reason: str) -> Swap:
        """Have a version of the repository answer."""
        with self._repository.locked(self._name):
            standing = announced(self._connection, self._name)
            if standing and standing.version == version:
                raise ReleaseRefused(f"{self._name} version {version} answers already")
            return self._announce(
                version, records.successor(self._metadata(version), standing, datetime.now(UTC), reason)
            )

    def rollback(self, reason: str, *, expected: int | None = None, decision: Decision | None = None) -> Swap:
        """Have the version answer that did before; ReleaseRefused where another than `expected` answers by now."""
        with self._repository.locked(self._name):
            standing = self._standing()
            if expected is not None and standing.version != expected:
                raise ReleaseRefused(
                    f"{self._name} version {expected} is no longer the one that answers: {standing.version} is"
                )
            version = self._served_before(standing)
            return self._announce(
                version, records.predecessor(self._metadata(version), standing, datetime.now(UTC), reason, decision)
            )

    def challenge(self, version: int, mode: Literal["shadow", "canary"], share: float, reason: str) -> Swap:
        """Try a version beside the one that answers; `share` of the customers, for a canary."""
        with self._repository.locked(self._name):
            standing = self._standing()
            if standing.version == version:
                raise ReleaseRefused(f"{self._name} version {version} answers already, it cannot challenge itself")
            if standing.challenger and standing.challenger.version != version:
                raise ReleaseRefused(
                    f"{self._name} version {standing.challenger.version} is tried already; stop that first: "
                    "nextup model challenge --stop"
                )
            self._metadata(version)  # refuses one that is not there
            challenger = Challenger(version, mode, share, datetime.now(UTC), reason)
            return self._announce(version, msgspec.structs.replace(standing, challenger=challenger))

    def stop_challenge(self, reason: str, *, expected: int | None = None, decision: Decision | None = None) -> Swap:
        """Try no challenger any more; ReleaseRefused where none is tried, or another than `expected`."""
        with self._repository.locked(self._name):
            standing = self._standing()
            tried = standing.challenger.version if standing.challenger else None
            if tried is None or expected not in {None, tried}:
                raise ReleaseRefused(f"no challenger of {self._name} is tried, or another one than was meant")
            stopped = msgspec.structs.replace(
                standing, challenger=None, reason=reason, decision=decision or standing.decision
            )
            send(self._connection, stopped)
            return Swap(stopped, self._retire(stopped))

    def _announce(self, version: int, record: ModelVersion) -> Swap:
        """Steps 1 to 3."""
        load_beside(self._name, version, self._repository, self._control)
        send(self._connection, record)
        return Swap(record, self._retire(record))

    def _retire(self, record: ModelVersion) -> Retired:
        return retire(record, self._connection, self._repository, self._control, self._settings)

    def _standing(self) -> ModelVersion:
        standing = announced(self._connection, self._name)
        if standing is None:
            raise ReleaseRefused(f"no version of {self._name} answers yet: nextup model promote N")
        return standing

    def _metadata(self, version: int) -> Metadata:
        there = self._repository.versions(self._name)
        if version not in there:
            known = ", ".join(map(str, there)) or "none"
            raise ReleaseRefused(f"{self._name} has no version {version}; there are: {known}")
        return self._repository.read(self._name, version).metadata

    def _served_before(self, standing: ModelVersion) -> int:
        there = self._repository.versions(self._name)
        for version in standing.before:
            if version in there:
                return version
        raise ReleaseRefused(
            f"no version is known to have answered before {self._name} version {standing.version}; "
            "name one: nextup model promote N"
        )
