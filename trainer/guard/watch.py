"""Judges what is tried, again and again, and takes back what is clearly worse."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

from msgspec import Struct

from streams.contract.connection import KafkaConnection
from streams.contract.messages import Decision
from trainer.announcement import announced
from trainer.guard import sequential
from trainer.guard.outcomes import OutcomeReader
from trainer.guard.sequential import Arm
from trainer.guard.settings import GuardSettings
from trainer.guard.trials import Tally, Trial, trials_of


class Verdict(Struct, frozen=True):
    """Where a trial stands; `is_worse` where it was ended for that."""

    trial: Trial
    version: Arm
    other: Arm
    log_evidence: float
    limit: float

    @property
    def is_worse(self) -> bool:
        return self.log_evidence >= self.limit

    @property
    def told(self) -> str:
        if not self.version.customers or not self.other.customers:
            return f"{self.trial.kind} of version {self.trial.version}: nothing to compare yet"
        judged = "clearly worse" if self.is_worse else "not clearly worse"
        return (
            f"{self.trial.kind} of version {self.trial.version}: {judged}, hit rate {self.version.hit_rate:.3f} of "
            f"{self.version.customers:,} customers against {self.other.hit_rate:.3f} of {self.other.customers:,} with "
            f"version {self.trial.other} (evidence e^{self.log_evidence:.1f}, clear from e^{self.limit:.1f} on)"
        )

    @property
    def figures(self) -> dict[str, float]:
        return {
            "hit_rate": self.version.hit_rate,
            "customers": float(self.version.customers),
            "other_hit_rate": self.other.hit_rate,
            "other_customers": float(self.other.customers),
            "log_evidence": self.log_evidence,
            "limit": self.limit,
        }


class Undoes(Protocol):
    """What the guard may do: see trainer.swaps.swaps.Swaps."""

    def rollback(self, reason: str, *, expected: int | None = None, decision: Decision | None = None) -> object: ...

    def stop_challenge(
        self, reason: str, *, expected: int | None = None, decision: Decision | None = None
    ) -> object: ...


class Guard:
    """Watches one model."""

    def __init__(self, connection: KafkaConnection, name: str, settings: GuardSettings, swaps: Undoes) -> None:
        self._connection = connection
        self._name = name
        self._settings = settings
        self._swaps = swaps
        self._reader = OutcomeReader(connection)
        self._tallies: list[Tally] = []

    def close(self) -> None:
        self._reader.close()

    def judge(self) -> Iterator[Verdict]:
        """For ever: whatever has changed since the last look."""
        before: list[Verdict] = []
        while True:
            found = self.judge_once()
            yield from (verdict for verdict in found if verdict not in before)
            before = found
            time.sleep(self._settings.every_s)

    def judge_once(self) -> list[Verdict]:
        """What is tried now; what is clearly worse has been taken back."""
        now = datetime.now(UTC)
        trials = trials_of(announced(self._connection, self._name), now, self._settings)
        if [tally.trial for tally in self._tallies] != trials:
            self._tallies = [Tally(trial, self._settings.baseline_days) for trial in trials]
            self._reader.from_the_beginning()
        if trials:
            self._count()
        verdicts = [verdict_of(tally, self._settings) for tally in self._tallies]
        for verdict in verdicts:
            if verdict.is_worse:
                self._undo(verdict, now)
        return verdicts

    def _count(self) -> None:
        for outcome, at in self._reader.new():
            for tally in self._tallies:
                tally.take(outcome, at)

    def _undo(self, verdict: Verdict, now: datetime) -> None:
        decision = Decision(now, released=False, reason=verdict.told, figures=verdict.figures)
        undo = self._swaps.stop_challenge if verdict.trial.kind == "canary" else self._swaps.rollback
        undo(verdict.told, expected=verdict.trial.version, decision=decision)


def verdict_of(tally: Tally, settings: GuardSettings) -> Verdict:
    evidence = sequential.log_evidence(tally.version, tally.other, settings.margin)
    return Verdict(tally.trial, tally.version, tally.other, evidence, sequential.limit(settings.false_alarms))
