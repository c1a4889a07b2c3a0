"""Whom a challenger is asked about."""

import pytest

from serving.vocabulary import Vocabulary
from streams.contract.canary import in_canary
from streams.contract.messages import ModelRef
from streams.histories.history import History
from streams.worker.answering import Question, tried_on
from streams.worker.model_switch import ServingModel, Trial

USERS = [f"user {number}" for number in range(10_000)]
CHALLENGER = ServingModel(ModelRef("next-purchase", 7), Vocabulary(["a"]))


def canary(version: int, share: float) -> set[str]:
    return {user for user in USERS if in_canary(user, version, share)}


@pytest.mark.parametrize("share", [0.01, 0.1, 0.5])
def test_a_canary_has_its_share_of_the_users(share: float) -> None:
    assert len(canary(7, share)) / len(USERS) == pytest.approx(share, rel=0.25)


def test_a_larger_share_only_adds_users_and_the_whole_share_is_everybody() -> None:
    assert canary(7, 0.1) < canary(7, 0.2) < canary(7, 1.0) == set(USERS)


def test_another_version_is_tried_on_other_users() -> None:
    both = canary(7, 0.1) & canary(8, 0.1)
    assert len(both) / len(USERS) == pytest.approx(0.01, rel=0.5)


def test_in_the_shadow_the_challenger_is_asked_about_everybody() -> None:
    asked = [Question(user, History(), 0) for user in USERS[:20]]
    assert tried_on(Trial(CHALLENGER, "shadow", 0.1), asked) == list(range(20))
    rows = tried_on(Trial(CHALLENGER, "canary", 0.5), asked)
    assert [USERS[row] for row in rows] == [user for user in USERS[:20] if in_canary(user, 7, 0.5)]
