"""What is compared with what, and which outcomes count: pure.

A customer counts once and in one arm: with the first outcome of a list by the version that the customer stands for.
So the units are independent, though one customer's purchases hang together. In both arms only lists count that were
made after the trial began: else one arm would have more of the customers who buy often.

- canary: at the same time, customers of the canary against all others.
- promotion: what the new version does against what the one before did in the days before. One half of the
  customers stands for the new version, the other for the old one. Season and campaigns are not told apart from the
  model by this; the margin must leave room for them, or a canary must come first.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from streams.contract.canary import in_canary
from streams.contract.messages import ModelVersion, Outcome
from trainer.guard.sequential import Arm
from trainer.guard.settings import GuardSettings


class Trial(Struct, frozen=True):
    """One comparison; `since` is when the version began to answer, `share` of the customers stands for it."""

    kind: Literal["canary", "promotion"]
    name: str
    version: int
    other: int
    since: datetime
    share: float


def trials_of(announced: ModelVersion | None, now: datetime, settings: GuardSettings) -> list[Trial]:
    """What is to be judged now. A version that a rollback has brought back is not: it is known."""
    if announced is None:
        return []
    found = []
    challenger, name, serving = announced.challenger, announced.name, announced.version
    if challenger and challenger.mode == "canary":
        since = max(challenger.since, announced.since)
        found.append(Trial("canary", name, challenger.version, serving, since, challenger.share))
    is_new = now - announced.since <= timedelta(days=settings.watch_days)
    if announced.before and announced.instead_of is None and is_new:
        found.append(Trial("promotion", name, serving, announced.before[0], announced.since, 0.5))
    return found


class Tally:
    """Both arms of a trial, as outcomes come in."""

    def __init__(self, trial: Trial, baseline_days: float) -> None:
        self.trial = trial
        self.version = Arm()
        self.other = Arm()
        self._from = trial.since - timedelta(days=baseline_days)
        self._counted: set[str] = set()

    def take(self, outcome: Outcome, at: datetime) -> None:
        """One outcome, which was put on the topic `at`."""
        if outcome.model is None or outcome.model.name != self.trial.name or outcome.user_id in self._counted:
            return
        tried = in_canary(outcome.user_id, self.trial.version, self.trial.share)
        if outcome.model.version != (self.trial.version if tried else self.trial.other):
            return
        if outcome.listed_at is None or not self._is_in_time(outcome.listed_at, at, tried):
            return
        self._counted.add(outcome.user_id)
        if tried:
            self.version = self.version.plus(bool(outcome.hits))
        else:
            self.other = self.other.plus(bool(outcome.hits))

    def _is_in_time(self, listed_at: datetime, at: datetime, tried: bool) -> bool:
        if tried or self.trial.kind == "canary":
            return listed_at >= self.trial.since
        return self._from <= listed_at and at < self.trial.since
