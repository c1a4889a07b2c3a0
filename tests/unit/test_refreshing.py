"""Whose lists are made anew."""

from datetime import UTC, datetime, timedelta

import pytest

from deploy.refreshing import is_active, is_stale, stale_lists
from deploy.settings import RefreshSettings
from streams.contract import messages
from streams.contract.messages import Cause, Challenger, ModelRef, ModelVersion, RecommendationList

NOW = datetime(2011, 12, 9, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
SETTINGS = RefreshSettings(active_days=30, stale_days=1)
STANDING = ModelVersion(
    "m", 12, NOW - 2 * HOUR, "released", NOW, NOW, 1, {}, challenger=Challenger(13, "canary", 0.1, NOW, "tried")
)


def made(version: int | None, age: timedelta = HOUR, active_at: datetime | None = None) -> RecommendationList:
    model = ModelRef("m", version) if version else None
    at = NOW - age
    return RecommendationList(
        "l", "u", Cause("purchase", "e"), at, at, "model" if model else "fallback", model, [], [], [], active_at
    )


@pytest.mark.parametrize(("version", "stale"), [(12, False), (13, False), (11, True), (14, True), (None, False)])
def test_a_new_list_is_stale_when_neither_the_serving_version_nor_the_challenger_made_it(
    version: int | None, stale: bool
) -> None:
    assert is_stale(made(version), STANDING, NOW, SETTINGS) is stale


def test_a_fallback_from_before_the_version_served_is_stale() -> None:
    assert is_stale(made(None, age=3 * HOUR), STANDING, NOW, SETTINGS)
    assert not is_stale(made(None, age=3 * HOUR), None, NOW, SETTINGS)


def test_a_list_that_speaks_for_yesterday_is_stale_whoever_made_it() -> None:
    assert is_stale(made(12, age=2 * DAY), STANDING, NOW, SETTINGS)


def test_being_refreshed_does_not_make_a_customer_active() -> None:
    assert is_active(made(12, age=29 * DAY), NOW, SETTINGS)
    assert not is_active(made(12, age=31 * DAY), NOW, SETTINGS)
    assert not is_active(made(12, active_at=NOW - 31 * DAY), NOW, SETTINGS)


def test_the_newest_list_of_each_customer_decides_and_asking_twice_asks_for_the_same() -> None:
    old, new = messages.encode(made(11)), messages.encode(made(12))
    records = [(b"a", old), (b"b", old), (b"b", new), (b"c", old), (b"c", None), (b"d", old), (b"d", b"no list")]
    (refresh,) = stale_lists(records, STANDING, NOW, SETTINGS)
    assert (refresh.user_id, refresh.occurred_at) == ("u", NOW)
    (again,) = stale_lists(records, STANDING, NOW + HOUR, SETTINGS)
    assert again.event_id == refresh.event_id
