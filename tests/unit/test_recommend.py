"""How suggestions become a list."""

from datetime import UTC, datetime

from serving.suggestion import Suggestion
from streams.contract.messages import Cause, Hit, Line, ModelRef, Purchase, RecommendationList
from streams.worker import recommend

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
MODEL = ModelRef("next-purchase", 3)


def suggested(*item_ids: str) -> list[Suggestion]:
    return [Suggestion(item_id, 1 / rank, "w") for rank, item_id in enumerate(item_ids, 1)]


def made(
    *item_ids: str, model: ModelRef | None = MODEL, standing: RecommendationList | None = None
) -> RecommendationList:
    return recommend.make_list(
        user_id="u",
        cause=Cause("purchase", "e"),
        as_of=NOW,
        now=NOW,
        model=model,
        chosen=suggested(*item_ids),
        standing=standing,
    )


def test_what_is_not_available_is_left_out_and_the_next_best_moves_up() -> None:
    chosen = recommend.choose(suggested("a", "b", "c"), list, lambda item: item != "a", 2)
    assert [s.item_id for s in chosen] == ["b", "c"]


def test_too_few_suggestions_are_filled_up_without_repeating_one() -> None:
    chosen = recommend.choose(suggested("a"), lambda: suggested("a", "x", "y", "z"), lambda item: item != "x", 3)
    assert [s.item_id for s in chosen] == ["a", "y", "z"]


def test_fillers_are_not_asked_for_when_there_is_enough() -> None:
    asked = []
    recommend.choose(suggested("a", "b"), lambda: asked.append(1) or [], lambda _: True, 2)  # type: ignore[func-returns-value]
    assert not asked


def test_ranks_count_from_one_and_reasons_are_named() -> None:
    items = made("a", "b").items
    assert [(item.rank, item.item_id, item.because) for item in items] == [(1, "a", ["w"]), (2, "b", ["w"])]


def test_a_list_tells_what_entered_and_what_left() -> None:
    later = made("b", "c", standing=made("a", "b"))
    assert (later.entered, later.left) == (["c"], ["a"])


def test_a_list_without_a_model_is_labelled_as_fallback() -> None:
    assert (made("a", model=None).source, made("a").source) == ("fallback", "model")


def test_the_outcome_names_the_bought_items_that_were_listed_and_their_rank() -> None:
    purchase = Purchase("e2", "u", NOW, [Line("b"), Line("b"), Line("z")])
    result = recommend.outcome(purchase, made("a", "b"))
    assert (result.hits, result.n_bought, result.model) == ([Hit("b", 2)], 2, MODEL)
