"""What is known of a customer follows from what happened, once each, in whatever order repeats come."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.contract.email_messages import EmailEvent, email_event_id
from streams.emails import standing as standings
from streams.emails.standing import (
    Decided,
    Outgoing,
    Standing,
    after_event,
    after_list,
    after_purchase,
    bought_because,
    decision_id,
    pruned,
    without_event,
)
from tests.emails_made import DAY, HOUR, NOON, a_list, a_purchase, rules_with

RULES = rules_with()


def waiting_items(standing: Standing) -> list[str]:
    return [candidate.item_id for candidate in standing.waiting.candidates] if standing.waiting else []


def test_what_waits_is_what_was_new_and_still_stands() -> None:
    standing = after_list(Standing(), a_list("o1", ["cups", "forks", "plates"], ["cups", "forks"]), RULES)
    assert waiting_items(standing) == ["cups", "forks"]
    standing = after_list(standing, a_list("o2", ["jugs", "forks", "plates"], ["jugs"], at=NOON + HOUR), RULES)
    assert waiting_items(standing) == ["jugs", "forks"]
    standing = after_list(standing, a_list("o3", ["plates"], [], at=NOON + 2 * HOUR), RULES)
    assert standing.waiting is None


def test_a_list_without_news_does_not_make_old_news_younger() -> None:
    standing = after_list(Standing(), a_list("o1", ["cups"]), RULES)
    later = after_list(standing, a_list("o2", ["cups"], [], at=NOON + DAY), RULES)
    assert later.waiting == standing.waiting


def test_a_list_that_came_before_changes_nothing_even_with_other_items() -> None:
    standing = after_list(Standing(), a_list("o1", ["cups"]), RULES)
    standing = after_list(standing, a_list("o2", ["forks"], ["forks"]), RULES)
    assert after_list(standing, a_list("o1", ["jugs"]), RULES) == standing


def test_a_list_whose_email_was_sent_or_is_on_its_way_waits_for_no_second_one() -> None:
    made = a_list("o1", ["cups"])
    decision = decision_id("ada", made.list_id)
    sent = replace(Standing(), decided=(Decided(decision, NOON, ("cups",)),))
    under_way = replace(Standing(), outgoing=Outgoing(decision, NOON + DAY, (), NOON))
    assert after_list(sent, made, RULES).waiting is None
    assert after_list(under_way, made, RULES).waiting is None


def test_only_a_purchase_or_what_the_list_says_of_one_counts_as_one() -> None:
    returned = after_list(Standing(), a_list("o1", ["cups"], cause="return"), RULES)
    assert returned.purchased_at is None
    assert after_list(Standing(), a_list("o1", ["cups"]), RULES).purchased_at == NOON


def test_a_purchase_that_is_read_twice_or_late_counts_by_its_own_time() -> None:
    standing = after_purchase(Standing(), a_purchase("o2", "cups", at=NOON))
    standing = after_purchase(standing, a_purchase("o1", "cups", "forks", at=NOON - DAY))
    assert standing.bought == {"cups": NOON, "forks": NOON - DAY}
    assert standing.purchased_at == NOON


def test_what_was_sent_is_known_again_from_the_topic_in_either_order() -> None:
    made = a_list("o1", ["cups"])
    told = EmailEvent("e1", "ada", decision_id("ada", made.list_id), "sent", NOON + HOUR, ["cups"])
    one = after_list(after_event(Standing(), told), made, RULES)
    other = after_event(after_list(Standing(), made, RULES), told)
    assert one.waiting is None
    assert other.waiting is None
    assert one.decided == other.decided == (Decided(told.decision_id, NOON + HOUR, ("cups",)),)
    assert after_event(other, told) == other


def test_an_email_that_was_given_up_counts_only_where_it_may_have_arrived() -> None:
    lost = EmailEvent("e1", "ada", "d1", "given-up", NOON, ["cups"], reason="too late")
    assert after_event(Standing(), lost) == Standing()
    assert len(after_event(Standing(), replace(lost, is_unknown=True)).decided) == 1


def test_who_unsubscribes_waits_for_nothing() -> None:
    standing = after_list(Standing(), a_list("o1", ["cups"]), RULES)
    standing = after_event(standing, EmailEvent("e1", "ada", "d1", "unsubscribed", NOON))
    assert standing.unsubscribed == "e1"
    assert standing.waiting is None


def test_an_event_that_is_taken_back_leaves_nothing() -> None:
    event_id = email_event_id("d1", "sent")
    standing = after_event(Standing(), EmailEvent(event_id, "ada", "d1", "sent", NOON, ["cups"]))
    standing = after_event(standing, EmailEvent("e2", "ada", "d1", "unsubscribed", NOON))
    assert without_event(standing, "e3") == standing
    assert without_event(without_event(standing, event_id), "e2") == Standing()


def test_a_product_counts_for_the_newest_email_that_named_it_within_its_time() -> None:
    rules = rules_with(control={"attribution_days": 3})
    decided = (Decided("d1", NOON, ("cups", "forks")), Decided("d2", NOON + DAY, ("cups",)))
    standing = replace(Standing(), decided=decided)
    lines = ("cups", "forks", "jugs")
    assert bought_because(standing, a_purchase("o", *lines, at=NOON - HOUR), rules) == {}
    assert bought_because(standing, a_purchase("o", *lines, at=NOON + HOUR), rules) == {"d1": [0, 1]}
    assert bought_because(standing, a_purchase("o", *lines, at=NOON + 2 * DAY), rules) == {"d2": [0], "d1": [1]}
    assert bought_because(standing, a_purchase("o", *lines, at=NOON + 3 * DAY + HOUR), rules) == {"d2": [0]}


def test_what_has_no_bearing_any_more_is_forgotten() -> None:
    rules = rules_with(control={"attribution_days": 10})
    standing = after_purchase(Standing(), a_purchase("o1", "cups"))
    standing = replace(standing, decided=(Decided("d1", NOON, ("forks",)),))
    assert pruned(standing, rules, NOON + 10 * DAY) == standing
    old = pruned(standing, rules, NOON + 11 * DAY)
    assert old.bought == {}
    assert old.decided == ()


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["cups", "forks", "jugs"])), max_size=12))
def test_reading_everything_again_changes_nothing(story: list[tuple[str, str]]) -> None:
    lists = [a_list(f"o{number}-{name}", [item], at=NOON + number * HOUR) for number, (name, item) in enumerate(story)]
    standing = Standing()
    for made in lists:
        standing = after_list(standing, made, RULES)
    again = standing
    for made in lists:
        again = after_list(again, made, RULES)
    assert again == standing
    assert standings.decode(standings.encode(standing)) == standing
