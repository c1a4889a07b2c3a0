"""The serving version beside popularity and a challenger, judged by the same purchases."""

from datetime import UTC, datetime, timedelta
from typing import Literal

from streams.contract.messages import (
    Challenger,
    Hit,
    Line,
    ModelRef,
    ModelVersion,
    Outcome,
    Purchase,
    ShadowOutcome,
)
from streams.page.judging import Judge, K, Rate

AT = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
POPULAR = [f"popular-{number}" for number in range(K)]


def bought(event_id: str, *item_ids: str) -> Purchase:
    return Purchase(event_id, "anna", AT + timedelta(seconds=1), [Line(item_id) for item_id in item_ids])


def became(event_id: str, version: int | None, *, hit: bool, shadow: tuple[int, bool] | None = None) -> Outcome:
    hits = [Hit("x", 1)]
    return Outcome(
        user_id="anna",
        event_id=event_id,
        occurred_at=AT,
        list_id="list",
        source="model" if version else "fallback",
        model=ModelRef("m", version) if version else None,
        n_bought=1,
        hits=hits if hit else [],
        shadow=ShadowOutcome(ModelRef("m", shadow[0]), hits if shadow[1] else []) if shadow else None,
    )


def serving(version: int, challenger: int | None = None, mode: Literal["shadow", "canary"] = "shadow") -> ModelVersion:
    tried = Challenger(challenger, mode, 0.5, AT, "test") if challenger else None
    return ModelVersion("m", version, AT, "test", AT, AT, 1, {}, challenger=tried)


def a_judge(withdrawn: str = "") -> Judge:
    judge = Judge(lambda item_id: item_id != withdrawn)
    for number, item_id in enumerate(POPULAR):
        for repeat in range(K - number):
            judge.bought(bought(f"before-{number}-{repeat}", item_id))
    return judge


def test_popularity_is_judged_by_what_was_popular_before_the_purchase() -> None:
    judge = a_judge()
    for number in range(20):
        judge.bought(bought(f"new-{number}", "rising"))
        judge.became(became(f"new-{number}", 1, hit=False))
    rate = judge.rates(serving(1))[-1]
    assert rate.name == "popularity"
    assert rate.purchases == 20
    assert 0 < rate.hits < 20, "the rising item is popular only once it has been bought often"


def test_the_order_in_which_purchase_and_outcome_are_read_does_not_matter() -> None:
    judge = a_judge()
    judge.became(became("early", 1, hit=True))
    judge.bought(bought("early", POPULAR[0]))
    judge.bought(bought("late", "rare"))
    judge.became(became("late", 1, hit=False))
    assert judge.rates(serving(1)) == [Rate("version 1", 1, 2), Rate("popularity", 1, 2)]


def test_a_purchase_before_which_no_list_stood_is_not_judged() -> None:
    assert a_judge().rates(serving(1)) == [Rate("version 1", 0, 0), Rate("popularity", 0, 0)]
    assert Rate("version 1", 0, 0).share is None


def test_only_the_serving_versions_own_lists_count_for_it() -> None:
    judge = a_judge()
    for version in (1, 1, 2, None):
        judge.bought(bought(f"event-{version}", "rare"))
        judge.became(became(f"event-{version}", version, hit=True))
    assert judge.rates(serving(2))[0] == Rate("version 2", 1, 1)
    assert judge.rates(None)[0] == Rate("fallback", 1, 1)


def test_a_shadow_is_judged_by_the_purchases_of_the_version_beside_it() -> None:
    judge = a_judge()
    judge.bought(bought("one", "rare"))
    judge.became(became("one", 1, hit=False, shadow=(2, True)))
    judge.bought(bought("two", "rare"))
    judge.became(became("two", 1, hit=True))
    assert judge.rates(serving(1, 2))[:2] == [Rate("version 1", 1, 2), Rate("version 2, shadow", 1, 1)]


def test_a_canary_is_judged_by_the_customers_that_it_answers() -> None:
    judge = a_judge()
    for number, version in enumerate((1, 1, 2)):
        judge.bought(bought(f"event-{number}", "rare"))
        judge.became(became(f"event-{number}", version, hit=version == 2))
    assert judge.rates(serving(1, 2, "canary"))[:2] == [Rate("version 1", 0, 2), Rate("version 2, canary", 1, 1)]


def test_what_is_withdrawn_is_not_among_the_popular() -> None:
    assert a_judge().most_popular(2) == POPULAR[:2]
    assert a_judge(withdrawn=POPULAR[0]).most_popular(2) == POPULAR[1:3]
