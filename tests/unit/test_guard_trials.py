"""What the guard compares, and which outcomes count."""

from datetime import UTC, datetime, timedelta
from typing import Literal

import msgspec

from streams.contract.canary import in_canary
from streams.contract.messages import Challenger, Hit, ModelRef, ModelVersion, Outcome
from trainer.guard.sequential import Arm
from trainer.guard.settings import GuardSettings
from trainer.guard.trials import Tally, Trial, trials_of
from trainer.guard.watch import verdict_of

NOW = datetime(2011, 12, 9, tzinfo=UTC)
DAY = timedelta(days=1)
NAME = "next-purchase"
SETTINGS = GuardSettings()
PROMOTED = ModelVersion(NAME, 12, NOW - DAY, "released", NOW, NOW, 1, {}, before=[11, 10])
CANARY = Trial("canary", NAME, 13, 12, NOW, 0.5)
PROMOTION = Trial("promotion", NAME, 12, 11, NOW, 0.5)
USERS = [f"user {number}" for number in range(200)]


def outcome(
    user: str, version: int | None, *, hit: bool = False, name: str = NAME, listed_at: datetime = NOW
) -> Outcome:
    model = None if version is None else ModelRef(name, version)
    hits = [Hit("a", 1)] if hit else []
    source: Literal["model", "fallback"] = "model" if model else "fallback"
    return Outcome(user, "e", NOW, "l", source, model, 1, hits, listed_at=listed_at)


def stands_for(trial: Trial, *, version: bool) -> list[str]:
    return [user for user in USERS if in_canary(user, trial.version, trial.share) is version]


def test_a_promoted_version_is_judged_against_the_one_before_for_a_while() -> None:
    assert trials_of(PROMOTED, NOW, SETTINGS) == [Trial("promotion", NAME, 12, 11, NOW - DAY, 0.5)]
    assert trials_of(PROMOTED, NOW + 20 * DAY, SETTINGS) == []


def test_a_version_that_a_rollback_brought_back_and_a_first_version_are_not_judged() -> None:
    assert trials_of(msgspec.structs.replace(PROMOTED, instead_of=13), NOW, SETTINGS) == []
    assert trials_of(msgspec.structs.replace(PROMOTED, before=[]), NOW, SETTINGS) == []
    assert trials_of(None, NOW, SETTINGS) == []


def test_a_canary_is_judged_from_when_both_versions_answer_and_a_shadow_harms_nobody() -> None:
    tried = msgspec.structs.replace(PROMOTED, before=[], challenger=Challenger(13, "canary", 0.1, NOW, "tried"))
    assert trials_of(tried, NOW, SETTINGS) == [Trial("canary", NAME, 13, 12, NOW, 0.1)]
    shadow = msgspec.structs.replace(PROMOTED, before=[], challenger=Challenger(13, "shadow", 1.0, NOW, "tried"))
    assert trials_of(shadow, NOW, SETTINGS) == []


def test_a_customer_counts_once_and_for_the_version_that_the_customer_stands_for() -> None:
    tally = Tally(CANARY, 14)
    tried, others = stands_for(CANARY, version=True), stands_for(CANARY, version=False)
    for user in USERS:
        for version in (12, 13, 12, 13):
            tally.take(outcome(user, version, hit=user in tried[:5]), NOW + DAY)
    assert tally.version == Arm(len(tried), 5)
    assert tally.other == Arm(len(others), 0)


def test_lists_from_before_the_canary_do_not_count_also_where_they_are_judged_later() -> None:
    tally = Tally(CANARY, 14)
    for user in USERS:
        tally.take(outcome(user, 12, listed_at=NOW - DAY), NOW - DAY)
        tally.take(outcome(user, 12, listed_at=NOW - DAY), NOW + DAY)
    assert (tally.version, tally.other) == (Arm(), Arm())


def test_a_promoted_version_is_compared_with_the_days_before() -> None:
    tally = Tally(PROMOTION, 14)
    for user in USERS:
        for days, version in ((-20, 11), (-2, 11), (2, 11), (2, 12)):
            at = NOW + days * DAY
            tally.take(outcome(user, version, hit=days < 0, listed_at=at), at)
    tried, others = stands_for(PROMOTION, version=True), stands_for(PROMOTION, version=False)
    assert (tally.version, tally.other) == (Arm(len(tried), 0), Arm(len(others), len(others)))
    assert verdict_of(tally, SETTINGS).is_worse


def test_fallbacks_and_other_models_say_nothing_about_a_version() -> None:
    tally = Tally(CANARY, 14)
    for user in USERS:
        tally.take(outcome(user, None, hit=True), NOW + DAY)
        tally.take(outcome(user, 12, name="another"), NOW + DAY)
    assert (tally.version, tally.other) == (Arm(), Arm())


def test_a_verdict_tells_the_figures_it_is_made_of() -> None:
    tally = Tally(CANARY, 14)
    assert "nothing to compare yet" in verdict_of(tally, SETTINGS).told
    for user in USERS:
        tally.take(outcome(user, 13 if in_canary(user, 13, 0.5) else 12, hit=not in_canary(user, 13, 0.5)), NOW + DAY)
    verdict = verdict_of(tally, SETTINGS)
    assert verdict.told.startswith("canary of version 13: clearly worse, hit rate 0.000 of ")
    assert verdict.figures["other_hit_rate"] == 1.0
