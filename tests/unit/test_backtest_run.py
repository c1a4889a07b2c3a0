"""The run: fits are shared, failures stay with the model that failed, and nobody sees what is yet to come."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from tests import shops
from tests.tiny import DAY, A, B, C, D, Order
from tests.tiny import purchases as purchases_of
from trainer.backtest.answers import answers
from trainer.backtest.chapter import SPLIT_AT
from trainer.backtest.findings import EVERY_MODEL
from trainer.backtest.held_out import hold_out
from trainer.backtest.questions import lines, next_order
from trainer.backtest.questions.catalogue import QUESTIONS
from trainer.backtest.questions.question import Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.results import Backtest, By, Data
from trainer.backtest.run import Request, run
from trainer.models.model import Frozen, Grain, LossCurve, Model
from trainer.models.popularity import Popularity, PopularityRanker
from trainer.progress import Progress, Silent
from trainer.purchases import Float32s, Moments, Purchases

DATA = Data("a shop", (), "", "")
BOTH = ("after-each-purchase", "after-each-purchase-frozen")


@pytest.fixture(scope="module")
def setting() -> Setting:
    held_out = hold_out(shops.favourites(n_users=40, n_items=30, days=90).purchases)
    return Setting(held_out, held_out)


def found(setting: Setting, models: dict[str, Callable[[], Model]], questions: tuple[str, ...]) -> Backtest:
    return run(Request(DATA, setting, [QUESTIONS[name] for name in questions], models), Silent())


class Scripted(Frozen):
    """A model and ranker at once that scores by a function."""

    name = "scripted"

    def __init__(self, score: Callable[[Moments, int], Float32s]) -> None:
        self._score = score
        self.size = 0

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> "Scripted":
        self.size = past.vocabulary_size
        return self

    def scores(self, moments: Moments) -> Float32s:
        return self._score(moments, self.size)


def all_the_same(moments: Moments, size: int) -> Float32s:
    return np.ones((len(moments), size), np.float32)


def what_the_user_buys_in_the_end(moments: Moments, size: int) -> Float32s:
    """Looks at all lines of each user that can be reached, visible or not; the newest scores highest."""
    scores = np.zeros((len(moments), size), np.float32)
    line, first, _ = moments.purchases.by_user
    for row, user in enumerate(moments.user):
        if user < moments.purchases.n_users:
            reached = line[first[user] : first[user + 1]]
            item = moments.purchases.item[reached]
            known = item < size
            scores[row, item[known]] = 1 + reached[known]
    return scores


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_is_answered_by_popularity_with_ordered_intervals(setting: Setting, name: str) -> None:
    told = found(setting, {"popularity": Popularity}, (name,))
    assert not told.failures
    headline = next(row for row in told.rows if (row.metric, row.k) == told.questions[0].headline)
    assert headline.value > 0
    assert [row for row in told.rows if not row.low <= row.value <= row.high] == []


def test_a_model_that_looks_ahead_is_found_out_where_it_could_see_anything(setting: Setting) -> None:
    cheat: dict[str, Callable[[], Model]] = {"cheat": partial(Scripted, what_the_user_buys_in_the_end)}
    told = found(setting, cheat, ("after-each-purchase", "mean-rank", "next-order"))
    assert {failure.question for failure in told.failures} == {"after-each-purchase", "mean-rank", "next-order"}
    assert all("after the moment" in failure.reason for failure in told.failures)
    assert not told.rows


def test_a_model_that_looks_ahead_gains_nothing_where_the_future_is_not_there(setting: Setting) -> None:
    def what_the_user_bought_up_to_then(moments: Moments, size: int) -> Float32s:
        scores = np.zeros((len(moments), size), np.float32)
        for row in range(len(moments)):
            history = moments.history(row)
            scores[row, moments.purchases.item[history]] = 1 + history
        return scores

    models: dict[str, Callable[[], Model]] = {
        "cheat": partial(Scripted, what_the_user_buys_in_the_end),
        "honest": partial(Scripted, what_the_user_bought_up_to_then),
    }
    told = found(setting, models, ("next-month", "last-order"))
    assert not told.failures
    figures = [[(row.metric, row.k, row.value) for row in told.rows if row.model == name] for name in models]
    assert figures[0] == figures[1]


def with_a_planted_item() -> tuple[Setting, int]:
    """A shop in which every user buys one item in the end, over and over, that nobody had bought before."""
    purchases = shops.favourites(n_users=20, n_items=30, days=90).purchases
    held_out = hold_out(purchases)
    planted = purchases.vocabulary_size
    item = purchases.item.copy()
    item[held_out.start :: 2] = planted
    later = replace(purchases, item=item, item_ids=(*purchases.item_ids, "planted"))
    held_out = hold_out(later, held_out.split_at, held_out.until)
    return Setting(held_out, held_out), planted


@pytest.mark.parametrize("make", [lines.observed, lines.frozen, next_order.chronological_on_the_visit])
def test_an_item_that_exists_only_in_the_future_is_counted_and_never_listed(
    make: Callable[[Setting], Walk],
) -> None:
    setting, planted = with_a_planted_item()
    walk = make(setting)
    ranker = Popularity().fit(walk.past.purchases, walk.grain, Silent())
    (given,) = answers(ranker, [walk], lambda parts: None)
    assert planted in walk.truths.item
    assert planted not in given.lists


def broken_fit(past: Purchases, grain: Grain, progress: Progress) -> Any:
    raise ZeroDivisionError("nothing to divide by")


def test_a_model_that_cannot_be_fit_is_told_with_its_reason_and_the_others_go_on(setting: Setting) -> None:
    class Broken:
        name = "broken"
        fit = staticmethod(broken_fit)

    told = found(setting, {"broken": Broken, "popularity": Popularity}, ("next-order", "next-month"))
    assert [(failure.question, failure.model) for failure in told.failures] == [
        ("next-order", "broken"),
        ("next-month", "broken"),
    ]
    assert told.failures[0].reason.startswith("ZeroDivisionError: nothing to divide by (test_backtest_run.py, line ")
    assert {row.model for row in told.rows} == {"popularity"}
    assert {row.question for row in told.rows} == {"next-order", "next-month"}


def wrong_shape(moments: Moments, size: int) -> Float32s:
    return np.ones((len(moments), size - 1), np.float32)


def not_numbers(moments: Moments, size: int) -> Float32s:
    return np.full((len(moments), size), np.nan, np.float32)


@pytest.mark.parametrize(("score", "reason"), [(wrong_shape, "shape"), (not_numbers, "finite")])
def test_scores_that_are_none_are_a_failure(
    setting: Setting, score: Callable[[Moments, int], Float32s], reason: str
) -> None:
    told = found(setting, {"wrong": partial(Scripted, score)}, ("next-month",))
    assert [failure.model for failure in told.failures] == ["wrong"]
    assert reason in told.failures[0].reason


def test_a_question_that_cannot_be_asked_is_told_and_the_others_are_answered() -> None:
    purchases = shops.favourites(n_users=10, n_items=30, days=60).purchases
    number = (np.arange(len(purchases)) // 5).astype(np.int32)
    once = replace(purchases, user=number, order=number, user_ids=tuple(map(str, range(number[-1] + 1))))
    held_out = hold_out(once)
    told = found(Setting(held_out, held_out), {"popularity": Popularity}, ("last-order", "after-each-purchase"))
    assert [(failure.question, failure.model) for failure in told.failures] == [("last-order", EVERY_MODEL)]
    assert {row.question for row in told.rows} == {"after-each-purchase"}


def test_one_fit_serves_all_questions_about_one_past_and_is_asked_fresh(setting: Setting) -> None:
    fits: list[tuple[int, Grain]] = []
    observed: list[bool] = []

    class Counting(PopularityRanker):
        def scores(self, moments: Moments) -> Float32s:
            observed.append(self.has_observed)
            return super().scores(moments)

        has_observed = False

        def observe(self, purchases: Purchases, start: int, end: int) -> None:
            self.has_observed = True

    class Counted(Popularity):
        def fit(self, past: Purchases, grain: Grain, progress: Progress) -> PopularityRanker:
            fits.append((len(past), grain))
            return Counting(np.bincount(past.item, minlength=past.vocabulary_size))

    told = found(setting, {"counted": Counted}, ("next-order", "next-order-standing", "next-month"))
    assert fits == [(setting.held_out.start, Grain.ORDER)]
    first_changed = observed.index(True)
    assert not any(observed[:first_changed])
    assert first_changed > 0
    assert [asked.name for asked in told.questions] == ["next-order", "next-order-standing", "next-month"]


class Counted(Scripted):
    """Tells how many moments it was asked about."""

    asked: ClassVar[list[int]] = []

    def scores(self, moments: Moments) -> Float32s:
        self.asked.append(len(moments))
        return super().scores(moments)


def test_a_ranker_that_learns_nothing_is_asked_once_where_only_what_it_may_learn_differs(setting: Setting) -> None:
    n_lines = setting.held_out.end - setting.held_out.start
    Counted.asked.clear()
    found(setting, {"counted": partial(Counted, all_the_same)}, BOTH)
    assert n_lines <= sum(Counted.asked) < 2 * n_lines


def test_answers_that_are_asked_for_once_are_those_of_each_question_alone(setting: Setting) -> None:
    models: dict[str, Callable[[], Model]] = {"same": partial(Scripted, all_the_same)}
    together = found(setting, models, BOTH)
    alone = [found(setting, models, (name,)) for name in BOTH]
    figures = [
        [(row.question, row.metric, row.k, row.value) for told in group for row in told.rows]
        for group in ((together,), alone)
    ]
    assert figures[0] == figures[1]
    assert len({row.value for row in together.rows if row.metric == "MRR" and row.k == 20}) == 2


def test_the_book_chapters_figures_stand_beside_ours() -> None:
    split = int(SPLIT_AT.timestamp()) // DAY
    rare = Order(0, split - 41, (D, D + 1))
    weekly = [Order(user, split + day, (A, B, C)) for day in (-40, -1, 1) for user in range(3)]
    held_out = hold_out(purchases_of(rare, *weekly), split * DAY)
    told = run(Request(DATA, Setting(held_out, held_out), [], {"popularity": Popularity}, reproduces=True), Silent())
    assert [(one.metric, one.ours) for one in told.published] == [("precision at 5", 3 / 5), ("top-5 accuracy", 1)]


def test_where_the_book_chapter_cannot_be_reproduced_that_is_told_and_all_else_is_answered(setting: Setting) -> None:
    questions = [QUESTIONS["next-month"]]
    told = run(Request(DATA, setting, questions, {"popularity": Popularity}, reproduces=True), Silent())
    assert {(failure.question, failure.model) for failure in told.failures} == {("book-chapter", "popularity")}
    assert {row.question for row in told.rows} == {"next-month"}


def test_rows_come_in_the_order_in_which_questions_and_models_were_asked_for(setting: Setting) -> None:
    models: dict[str, Callable[[], Model]] = {"same": partial(Scripted, all_the_same), "popularity": Popularity}
    told = found(setting, models, ("mean-rank", "next-month"))
    seen = list(dict.fromkeys((row.question, row.model) for row in told.rows))
    assert seen == [(question, model) for question in ("mean-rank", "next-month") for model in models]


def test_a_model_that_gives_all_items_one_score_is_popularity(setting: Setting) -> None:
    models: dict[str, Callable[[], Model]] = {"same": partial(Scripted, all_the_same), "popularity": Popularity}
    told = found(setting, models, (*BOTH, "mean-rank"))
    figures = [[(row.metric, row.k, row.value) for row in told.rows if row.model == name] for name in models]
    assert figures[0] == figures[1]


def test_the_open_order_is_barred_for_all_models_unless_the_setting_says_otherwise(setting: Setting) -> None:
    held_out = setting.held_out
    for bars in (True, False):
        walk = lines.frozen(Setting(held_out, held_out, bars_open_order=bars))
        ranker = Scripted(all_the_same).fit(walk.past.purchases, walk.grain, Silent())
        (given,) = answers(ranker, [walk], lambda parts: None)
        open_items = [
            step.moments.purchases.item[step.moments.open_order(row)]
            for step in walk.steps
            for row in range(len(step.moments))
        ]
        listed = [bool(np.isin(items, row).any()) for items, row in zip(open_items, given.lists, strict=True)]
        assert any(listed) is not bars


class Trusting(Scripted):
    """Believes that each item comes next with a probability of one half, and was trained."""

    loss_curve = LossCurve((3.0, 2.0), (3.5, 2.5))

    def probabilities(self, scores: Float32s) -> Float32s:
        return np.full_like(scores, 0.5)


def test_what_a_model_believes_is_held_against_what_came_true(setting: Setting) -> None:
    told = found(setting, {"trusting": partial(Trusting, all_the_same)}, ("next-month",))
    (curve,) = [curve for curve in told.curves if curve.by is By.CALIBRATION]
    precision = next(row.value for row in told.rows if (row.metric, row.k) == ("Precision", 20))
    (point,) = curve.points
    assert point.x == 0.5
    assert point.value == pytest.approx(precision)
    assert [training.loss for training in told.trainings] == [(3.0, 2.0)]


@pytest.mark.parametrize("by", [By.HISTORY_LENGTH, By.RECENCY])
def test_groups_of_lists_add_up_to_the_figure_of_all(setting: Setting, by: By) -> None:
    told = found(setting, {"popularity": Popularity}, ("next-month",))
    (curve,) = [curve for curve in told.curves if curve.by is by]
    lists = {count.what: count.n for count in told.questions[0].counts}["lists"]
    assert sum(point.n for point in curve.points) == lists
    hit_rate = next(row.value for row in told.rows if (row.metric, row.k) == ("HitRate", 5))
    assert sum(point.n * point.value for point in curve.points) / lists == pytest.approx(hit_rate)


def test_items_by_popularity_are_all_items_that_were_bought(setting: Setting) -> None:
    told = found(setting, {"popularity": Popularity}, ("next-month",))
    (curve,) = [curve for curve in told.curves if curve.by is By.ITEM_POPULARITY]
    bought = {count.what: count.n for count in told.questions[0].counts}["items bought"]
    assert sum(point.n for point in curve.points) == bought


def test_the_same_seed_finds_the_same_and_nothing_depends_on_the_models_beside(setting: Setting) -> None:
    alone = found(setting, {"popularity": Popularity}, ("next-order",))
    models: dict[str, Callable[[], Model]] = {"same": partial(Scripted, all_the_same), "popularity": Popularity}
    beside = found(setting, models, ("next-order", "next-month"))
    figures = [
        [(row.metric, row.k, row.value, row.low, row.high) for row in told.rows if row.model == "popularity"]
        for told in (alone, beside)
    ]
    assert figures[0] == figures[1][: len(figures[0])]
