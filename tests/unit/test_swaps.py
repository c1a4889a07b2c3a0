"""What a swap announces, keeps and drops: the parts that need no server."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from serving.errors import RepositoryBusy, VersionNotFound
from serving.model_repository import Metadata, ModelRepository
from streams.contract import messages
from streams.contract.messages import Challenger, Decision, ModelVersion, WorkerState
from tests import small_model
from tests.small_model import NAME
from trainer.swaps import records
from trainer.swaps.overview import Overview, role_of, version_state
from trainer.swaps.retirement import to_hold, to_remove
from trainer.swaps.workers import follows, live_among

NOW = datetime(2011, 12, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DECISION = Decision(NOW, released=True, reason="better", figures={})
CANARY = Challenger(13, "canary", 0.1, NOW, "tried")
STANDING = ModelVersion(
    NAME, 12, NOW, "released", NOW, NOW, 1, {}, decision=DECISION, challenger=CANARY, before=[11, 10]
)


def metadata(version: int) -> Metadata:
    return Metadata(NAME, version, NOW, NOW, NOW, 100, 90, 20, 5, {"hit_rate_at_5": 0.5})


def test_a_successor_remembers_who_served_before_and_keeps_decision_and_challenger() -> None:
    made = records.successor(metadata(14), STANDING, LATER, "promoted")
    assert (made.version, made.since, made.reason) == (14, LATER, "promoted")
    assert (made.before, made.decision, made.challenger) == ([12, 11, 10], DECISION, CANARY)


def test_a_challenger_that_is_promoted_challenges_no_longer() -> None:
    assert records.successor(metadata(13), STANDING, LATER, "promoted").challenger is None


def test_a_version_that_comes_back_is_remembered_once() -> None:
    assert records.successor(metadata(11), STANDING, LATER, "promoted").before == [12, 10]


def test_rollbacks_lead_further_back_each_time() -> None:
    once = records.predecessor(metadata(11), STANDING, LATER, "worse")
    assert (once.version, once.before, once.instead_of) == (11, [10], 12)
    twice = records.predecessor(metadata(10), once, LATER, "worse, too")
    assert (twice.version, twice.before, twice.instead_of) == (10, [], 11)
    assert records.successor(metadata(15), twice, LATER, "released").instead_of is None


def test_a_rollback_past_a_version_that_is_gone_forgets_that_one() -> None:
    assert records.predecessor(metadata(10), STANDING, LATER, "worse").before == []


@pytest.mark.parametrize(("keep", "held"), [(0, (12, 13)), (1, (11, 12, 13)), (5, (10, 11, 12, 13))])
def test_what_serves_and_what_challenges_stays_loaded_and_some_for_a_rollback(keep: int, held: tuple[int, ...]) -> None:
    assert to_hold(STANDING, (9, 10, 11, 12, 13), keep) == held


def test_what_is_loaded_is_never_removed_and_the_newest_are_kept() -> None:
    assert to_remove([1, 2, 3, 4, 5, 6], held=[2, 6], keep_versions=2) == (1, 3, 4)
    assert to_remove([1, 2], held=[2], keep_versions=10) == ()


@pytest.mark.parametrize(
    ("version", "challenger", "expected"), [(12, 13, True), (12, None, False), (11, 13, False), (None, None, False)]
)
def test_a_worker_follows_when_it_asks_both_versions(
    version: int | None, challenger: int | None, expected: bool
) -> None:
    assert follows(WorkerState("w", NOW, version, challenger, [0]), STANDING) is expected


def test_a_worker_that_has_been_silent_for_long_is_gone_and_its_newest_word_counts() -> None:
    minute = timedelta(minutes=1)
    said = [
        WorkerState("there", NOW - minute, 11, None, [0]),
        WorkerState("gone", NOW - minute, 11, None, [1]),
        WorkerState("there", NOW, 12, 13, [0]),
    ]
    values = [*(messages.encode(state) for state in said), b"no state", None]
    assert live_among(values, NOW + timedelta(seconds=20)) == said[-1:]


def test_each_version_has_one_role() -> None:
    roles = {version: role_of(version, STANDING) for version in (9, 10, 11, 12, 13)}
    assert roles == {9: "", 10: "served before", 11: "served before", 12: "serves", 13: "canary"}
    assert role_of(12, None) == ""


def test_asking_for_a_version_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(VersionNotFound, match="no version 7; there are: none"):
        version_state(Overview(NAME, None, [], []), 7)


def test_one_change_at_a_time(tmp_path: Path) -> None:
    first, second = ModelRepository(tmp_path), ModelRepository(tmp_path)
    with first.locked(NAME):
        with pytest.raises(RepositoryBusy, match="somebody else is changing which version"), second.locked(NAME):
            pass
        with second.locked("another model"):
            pass
    with second.locked(NAME):
        pass


def test_a_removed_version_is_gone_and_its_number_does_not_come_back_while_newer_ones_are_there(
    tmp_path: Path,
) -> None:
    repository = ModelRepository(tmp_path)
    for version in (1, 2):
        small_model.publish(repository, version)
    repository.remove(NAME, 1)
    assert repository.versions(NAME) == [2]
    assert [path.name for path in (tmp_path / NAME).iterdir()] == ["2"]
    assert repository.next_version(NAME) == 3


def test_the_reason_of_a_release_is_kept_with_the_version(tmp_path: Path) -> None:
    repository = ModelRepository(tmp_path)
    golden = small_model.publish(repository, 1)
    made = repository.read(NAME, 1)
    kept = msgspec.structs.replace(made.metadata, version=2, decision=msgspec.to_builtins(DECISION))
    repository.publish(kept, made.vocabulary, b"", golden)
    assert repository.read(NAME, 2).metadata.decision == msgspec.to_builtins(DECISION)
