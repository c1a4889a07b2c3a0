"""What the demo counts."""

import math
from datetime import UTC, datetime

from deploy.demo.scoreboard import Scoreboard
from streams.contract import messages
from streams.contract.messages import Cause, Line, ModelRef, Purchase, RecommendationList, Recommended

NOW = datetime(2011, 11, 9, tzinfo=UTC)


def purchase(event_id: str, *items: str, user: str = "u") -> Purchase:
    return Purchase(event_id, user, NOW, [Line(item) for item in items])


def made_list(event_id: str, *items: str, user: str = "u", version: int | None = 1) -> RecommendationList:
    cause = Cause("purchase", event_id)
    return RecommendationList(
        list_id=messages.list_id(user, cause),
        user_id=user,
        cause=cause,
        as_of=NOW,
        generated_at=NOW,
        source="model" if version else "fallback",
        model=ModelRef("next-purchase", version) if version else None,
        items=[Recommended(rank, item, 1.0) for rank, item in enumerate(items, 1)],
        entered=[],
        left=[],
    )


def test_a_purchase_is_judged_by_the_list_that_stood_before_it() -> None:
    board = Scoreboard()
    board.received(made_list("e0", "a", "b"))
    board.publishing(purchase("e1", "z", "b"))
    board.received(made_list("e1", "z"))
    board.publishing(purchase("e2", "y"))
    assert (board.hit_rate.hits, board.hit_rate.purchases) == (1, 2)


def test_popularity_is_judged_by_the_same_purchases_and_by_what_was_bought_before_them() -> None:
    board = Scoreboard()
    board.learn(purchase("past", "a"))
    board.received(made_list("e0", "x"))
    board.publishing(purchase("e1", "a"))
    board.publishing(purchase("e2", "new"))
    board.publishing(purchase("e3", "a", user="without a list"))
    assert (board.popularity_hit_rate.hits, board.popularity_hit_rate.purchases) == (1, 2)
    assert board.without_list == 1


def test_what_the_shop_does_not_sell_is_not_on_the_popularity_list() -> None:
    board = Scoreboard(withdrawn={"POST"})
    board.learn(purchase("past", "POST"))
    board.received(made_list("e0", "x"))
    board.publishing(purchase("e1", "POST"))
    assert board.popularity_hit_rate.share == 0.0


def test_a_models_lists_are_compared_with_favourites_on_the_same_purchases() -> None:
    board = Scoreboard()
    board.learn(purchase("past", "a", user="m"))
    board.received(made_list("e0", "b", user="m"))
    board.received(made_list("e0", "a", user="f", version=None))
    board.publishing(purchase("e1", "b", user="m"))
    board.publishing(purchase("e2", "a", user="f"))
    assert (board.model_hit_rate.share, board.favourites_hit_rate.share) == (1.0, 0.0)
    assert (board.model_hit_rate.purchases, board.hit_rate.purchases) == (1, 2)


def test_latency_runs_from_the_publish_call_to_the_list_and_only_for_the_replay() -> None:
    board = Scoreboard()
    board.received(made_list("of the past", "a"))
    assert math.isnan(board.latency().p50)
    board.publishing(purchase("e1", "a"))
    assert board.awaited == 1
    board.received(made_list("e1", "a"))
    assert board.awaited == 0
    assert board.latency().p50 >= 0
    assert board.lists == 1
