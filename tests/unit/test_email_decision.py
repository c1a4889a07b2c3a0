"""Each rule about emails, alone and in company: which verdict, and with which reason."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contract.email_messages import Customer
from streams.emails.decision import (
    Known,
    Later,
    Never,
    Send,
    Verdict,
    Withhold,
    decide,
    decide_again,
    in_control,
    try_again_at,
)
from streams.emails.rules import WEEK, Rules
from streams.emails.standing import Decided, Standing, after_list, after_purchase
from streams.emails.zones import is_quiet
from tests.emails_made import DAY, HOUR, NOON, a_list, a_purchase, rules_with

ADA = Customer("ada", "ada@home.example")


def known(customer: Customer | None = ADA, *gone: str) -> Known:
    return Known(customer, lambda item_id: item_id not in gone)


def verdict(
    rules: Rules,
    *,
    now: datetime = NOON,
    standing: Standing | None = None,
    about: Known = known(),  # noqa: B008
) -> Verdict:
    return decide("ada", standing or after_list(Standing(), a_list("o1", ["cups", "forks"]), rules), about, rules, now)


def items_of(found: Verdict) -> list[str]:
    assert isinstance(found, Send)
    return [candidate.item_id for candidate in found.outgoing.candidates]


def test_a_list_with_news_makes_an_email_of_its_news() -> None:
    rules = rules_with()
    standing = after_list(Standing(), a_list("o1", ["cups", "forks", "plates"], ["forks"]), rules)
    assert items_of(verdict(rules, standing=standing)) == ["forks"]


@pytest.mark.parametrize("change", [{"rank": 1}, {"score": 0.85}])
def test_news_too_low_on_the_list_makes_none(change: dict[str, float]) -> None:
    rules = rules_with(change=change)
    standing = after_list(Standing(), a_list("o1", ["cups", "forks"], ["forks"]), rules)
    assert verdict(rules, standing=standing) == Never("nothing new that is good enough")


def test_a_list_of_the_fallback_counts_only_where_the_rules_say_so() -> None:
    made = a_list("o1", ["cups"], source="fallback")
    for fallback, kind in ((False, Never), (True, Send)):
        rules = rules_with(change={"fallback": fallback})
        assert isinstance(verdict(rules, standing=after_list(Standing(), made, rules)), kind)


def test_nothing_goes_out_soon_after_a_purchase_also_one_that_made_no_news() -> None:
    rules = rules_with(timing={"wait_after_purchase_hours": 24})
    assert verdict(rules) == Later(NOON + DAY, "soon after a purchase")
    standing = after_list(Standing(), a_list("o1", ["cups"]), rules)
    standing = after_purchase(standing, a_purchase("o2", "knives", at=NOON + 20 * HOUR))
    assert verdict(rules, standing=standing, now=NOON + DAY) == Later(NOON + 44 * HOUR, "soon after a purchase")


def test_changes_within_the_window_are_one_email() -> None:
    rules = rules_with(timing={"merge_hours": 6})
    standing = after_list(Standing(), a_list("o1", ["cups", "forks"]), rules)
    standing = after_list(standing, a_list("o2", ["plates", "cups"], ["plates"], at=NOON + HOUR), rules)
    assert verdict(rules, standing=standing, now=NOON + HOUR) == Later(NOON + 6 * HOUR, "more changes may come")
    assert items_of(verdict(rules, standing=standing, now=NOON + 6 * HOUR)) == ["plates", "cups"]


def test_quiet_hours_are_those_where_the_customer_is() -> None:
    rules = rules_with(timing={"quiet_from": "21:00:00", "quiet_until": "08:00:00"})
    in_tokyo = known(Customer("ada", "ada@home.example", "Asia/Tokyo"))
    assert verdict(rules, now=NOON, about=in_tokyo) == Later(datetime(2011, 11, 9, 23, tzinfo=UTC), "quiet hours")
    assert isinstance(verdict(rules, now=NOON), Send)


def test_so_many_a_week_are_enough() -> None:
    rules = rules_with(limits={"per_week": 2})
    decided = tuple(Decided(f"d{n}", NOON - n * DAY, ("x",)) for n in (8, 6, 1))
    standing = replace(after_list(Standing(), a_list("o1", ["cups"]), rules), decided=decided)
    assert verdict(rules, standing=standing) == Later(NOON + DAY, "2 in a week are enough")
    assert isinstance(verdict(rules, standing=standing, now=NOON + DAY), Send)


@pytest.mark.parametrize(
    ("about", "reason"),
    [
        (known(None), "no address is known"),
        (known(Customer("ada")), "no address is known"),
        (known(Customer("ada", "a@b.example", unsubscribed=True)), "unsubscribed"),
        (known(ADA, "cups", "forks"), "all of it was bought, or is not available"),
    ],
)
def test_whom_and_what_no_email_is_about(about: Known, reason: str) -> None:
    assert verdict(rules_with(), about=about) == Never(reason)


def test_what_was_bought_lately_or_is_not_available_is_left_out() -> None:
    rules = rules_with(limits={"bought_days": 14})
    standing = after_list(Standing(), a_list("o1", ["cups", "forks", "plates"]), rules)
    standing = after_purchase(standing, a_purchase("o0", "cups", at=NOON - 13 * DAY))
    assert items_of(verdict(rules, standing=standing, about=known(ADA, "plates"))) == ["forks"]
    assert items_of(verdict(rules, standing=standing, now=NOON + 2 * DAY)) == ["cups", "forks", "plates"]


def test_what_would_be_too_late_is_never_sent() -> None:
    rules = rules_with(timing={"valid_hours": 48})
    assert isinstance(verdict(rules, now=NOON + 48 * HOUR - timedelta(seconds=1)), Send)
    assert verdict(rules, now=NOON + 48 * HOUR) == Never("too late: nobody looked at it in time")
    capped = replace(
        after_list(Standing(), a_list("o1", ["cups"]), rules),
        decided=tuple(Decided(f"d{n}", NOON, ()) for n in range(100)),
    )
    assert verdict(rules, standing=capped) == Later(NOON + 2 * DAY, "100 in a week are enough")
    assert verdict(rules, standing=capped, now=NOON + 2 * DAY) == Never("too late: 100 in a week are enough")


def test_the_control_group_gets_none_at_the_moment_when_it_would() -> None:
    rules = rules_with(control={"share": 0.5, "salt": "spring"})
    kinds = set()
    for user_id in ("ada", "grace", "edsger", "barbara", "donald", "leslie"):
        standing = after_list(Standing(), a_list("o1", ["cups"], user_id=user_id), rules)
        found = decide(user_id, standing, known(), rules, NOON)
        assert isinstance(found, Withhold if in_control(user_id, "spring", 0.5) else Send)
        kinds.add(type(found))
    assert kinds == {Withhold, Send}


def test_the_control_group_has_its_share_and_another_salt_draws_others() -> None:
    users = [f"user-{number}" for number in range(20_000)]
    spring, autumn = ([in_control(user, salt, 0.1) for user in users] for salt in ("spring", "autumn"))
    assert sum(spring) == pytest.approx(2_000, abs=150)
    both = sum(one and other for one, other in zip(spring, autumn, strict=True))
    assert both == pytest.approx(200, abs=60)
    assert not any(in_control(user, "spring", 0.0) for user in users)


def outgoing(rules: Rules) -> Standing:
    found = verdict(rules)
    assert isinstance(found, Send)
    return replace(Standing(), outgoing=found.outgoing)


def test_between_decision_and_sending_everything_is_asked_again() -> None:
    rules = rules_with(
        limits={"bought_days": 1}, timing={"quiet_from": "21:00:00", "quiet_until": "08:00:00", "valid_hours": 48}
    )
    standing = outgoing(rules)
    assert items_of(decide_again(standing, known(), rules, NOON)) == ["cups", "forks"]
    bought = after_purchase(standing, a_purchase("o2", "cups"))
    assert items_of(decide_again(bought, known(), rules, NOON)) == ["forks"]
    assert decide_again(bought, known(ADA, "forks"), rules, NOON) == Never("all of it was bought, or is not available")
    assert decide_again(replace(standing, unsubscribed="e1"), known(), rules, NOON) == Never("unsubscribed")
    assert decide_again(standing, known(), rules, NOON + 10 * HOUR) == Later(NOON + 20 * HOUR, "quiet hours")
    late = decide_again(standing, known(), rules, NOON + 48 * HOUR)
    assert late == Never("too late: nobody looked at it in time", has_failed=True)
    assert decide_again(standing, known(None), rules, NOON + 48 * HOUR) == Never("no address is known")


def test_an_email_that_failed_waits_for_its_next_try_and_no_longer_than_it_is_valid() -> None:
    rules = rules_with(timing={"valid_hours": 48})
    failed = outgoing(rules).outgoing
    assert failed is not None
    failed = replace(failed, next_try=NOON + HOUR, failure="the SMTP server said 452")
    standing = replace(Standing(), outgoing=failed)
    assert decide_again(standing, known(), rules, NOON) == Later(NOON + HOUR, "the SMTP server said 452")
    late = replace(Standing(), outgoing=replace(failed, next_try=NOON + 3 * DAY))
    assert decide_again(late, known(), rules, NOON) == Later(NOON + 2 * DAY, "the SMTP server said 452")
    too_late = Never("too late: the SMTP server said 452", has_failed=True)
    assert decide_again(late, known(), rules, NOON + 2 * DAY) == too_late


@given(attempts=st.integers(1, 30), decision=st.text(min_size=1))
def test_each_wait_is_about_twice_the_one_before_and_bounded(attempts: int, decision: str) -> None:
    first, longest = timedelta(seconds=30), timedelta(hours=1)
    wait = try_again_at(decision, attempts, NOON, first, longest) - NOON
    middle = min(first * 2 ** (attempts - 1), longest)
    assert 0.5 * middle <= wait <= 1.5 * middle
    assert wait == try_again_at(decision, attempts, NOON, first, longest) - NOON


def test_decisions_do_not_all_try_again_at_the_same_moment() -> None:
    moments = {try_again_at(f"d{n}", 1, NOON, HOUR, DAY) for n in range(1_000)}
    assert len(moments) == 1_000


@settings(max_examples=300, deadline=None)
@given(
    now_h=st.integers(0, 24 * 14),
    sent_h=st.lists(st.integers(-24 * 14, 0), max_size=6),
    purchased_h=st.integers(-48, 24 * 7),
    per_week=st.integers(1, 3),
    zone=st.sampled_from(("Asia/Tokyo", "Europe/London", "America/Los_Angeles")),
)
def test_whoever_comes_back_when_told_finds_every_rule_kept(
    now_h: int, sent_h: list[int], purchased_h: int, per_week: int, zone: str
) -> None:
    timing = {
        "wait_after_purchase_hours": 24,
        "merge_hours": 6,
        "valid_hours": 200,
        "quiet_from": "21:00:00",
        "quiet_until": "08:00:00",
    }
    rules = rules_with(timing=timing, limits={"per_week": per_week})
    decided = tuple(Decided(f"d{n}", NOON + h * HOUR, ()) for n, h in enumerate(sorted(sent_h)))
    standing = replace(after_list(Standing(), a_list("o1", ["cups"]), rules), decided=decided)
    standing = after_purchase(standing, a_purchase("o2", "knives", at=NOON + purchased_h * HOUR))
    about = known(Customer("ada", "ada@home.example", zone))
    now = NOON + now_h * HOUR
    found = verdict(rules, now=now, standing=standing, about=about)
    while isinstance(found, Later):
        assert found.at > now
        now = found.at
        found = verdict(rules, now=now, standing=standing, about=about)
    if isinstance(found, Never):
        assert found.reason.startswith("too late")
        return
    assert now < NOON + 200 * HOUR
    assert now >= NOON + max(purchased_h, 0) * HOUR + 24 * HOUR
    assert not is_quiet(now, rules.zone_of(zone), rules.timing.quiet_from, rules.timing.quiet_until)
    assert sum(each.at > now - WEEK for each in decided) < per_week
