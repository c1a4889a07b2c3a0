"""How often one may ask, and how much is remembered of who has."""

from streams.gateway.rate_limit import FORGETTING_BEGINS, RateLimit


def test_who_has_not_asked_for_long_is_forgotten_and_who_has_just_asked_is_not() -> None:
    now = 0.0
    limit = RateLimit(per_second=1.0, burst=1, clock=lambda: now)
    for number in range(FORGETTING_BEGINS):
        assert limit.wait_s(f"192.0.2.{number}") == 0.0
    now = 60.0
    assert limit.wait_s("198.51.100.1") == 0.0
    assert len(limit) == 1
    assert limit.wait_s("198.51.100.1") == 1.0


def test_nobody_may_ask_more_often_because_many_others_ask() -> None:
    limit = RateLimit(per_second=1.0, burst=1, clock=lambda: 0.0)
    assert limit.wait_s("first") == 0.0
    for number in range(2 * FORGETTING_BEGINS):
        limit.wait_s(f"192.0.2.{number}")
    assert limit.wait_s("first") == 1.0
