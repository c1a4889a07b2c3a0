"""Questions: who is asked, when, what is known then, and what counts as right."""

from itertools import pairwise

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from trainer.backtest.held_out import DAY_S, HeldOut, hold_out
from trainer.backtest.questions import lines, next_month, next_order
from trainer.backtest.questions.catalogue import IN_QUICK, QUESTIONS
from trainer.backtest.questions.question import Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.questions.stages import stages
from trainer.errors import NotEnoughData
from trainer.models.model import Grain
from trainer.purchases import Purchases

A, B, NEW, LATER = range(FIRST_ITEM, FIRST_ITEM + 4)
SPLIT, UNTIL = 20, 31
ANN, BOB, CAT, DAN = range(4)
ORDERS = [
    (0, ANN, [A, B]),
    (5, BOB, [B]),
    (6, CAT, [A]),
    (10, ANN, [A]),
    (21, ANN, [NEW, A]),
    (22, BOB, [B, B]),
    (22, DAN, [A]),
    (40, ANN, [B]),
    (45, CAT, [LATER]),
]
"""Day, user and items of each order. Ann and Bob come back in the month, Cat after it; Dan comes in it for the
first time."""


def purchases_of(orders: list[tuple[int, int, list[int]]], *, is_timed: bool = True) -> Purchases:
    rows = [(day, user, item, order) for order, (day, user, items) in enumerate(orders) for item in items]
    day, user, item, order = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    return Purchases(
        tuple("abcd"),
        ("ann", "bob", "cat", "dan"),
        user.astype(np.int32),
        item.astype(np.int32),
        day * DAY_S + 9 * 3600 if is_timed else np.arange(n),
        order.astype(np.int32),
        np.ones(n, np.float32),
        np.ones(n, np.float32),
        is_timed,
    )


@pytest.fixture
def held_out() -> HeldOut:
    return hold_out(purchases_of(ORDERS), SPLIT * DAY_S, UNTIL * DAY_S)


@pytest.fixture
def setting(held_out: HeldOut) -> Setting:
    return Setting(held_out, held_out)


def asked(walk: Walk) -> list[tuple[int, list[int], list[int], list[int]]]:
    """Of each answer: user, items of the closed orders, items of the open order, what was bought."""
    told = []
    for step in walk.steps:
        moments, truths = step.moments, step.truths
        for row in range(len(moments)):
            item = moments.purchases.item
            opened = moments.open_order(row)
            closed = moments.history(row)[: len(moments.history(row)) - len(opened)]
            bought = truths.item[truths.first[row] : truths.first[row + 1]]
            told.append((int(moments.user[row]), item[closed].tolist(), item[opened].tolist(), bought.tolist()))
    return told


def days(walk: Walk) -> list[int]:
    """The day of each question."""
    return [int(at) // DAY_S for step in walk.steps for at in step.moments.as_of]


def test_next_month_asks_known_users_once_at_the_split_for_all_they_buy_until_the_end(setting: Setting) -> None:
    walk = next_month.walk(setting)
    assert asked(walk) == [(ANN, [A, B, A], [], [A, NEW]), (BOB, [B], [], [B])]
    assert days(walk) == [SPLIT, SPLIT]
    assert walk.left_out["users who came for the first time, not asked"] == 1


def test_next_month_shows_no_line_of_the_month(setting: Setting) -> None:
    (step,) = next_month.walk(setting).steps
    assert len(step.moments.purchases) == setting.held_out.start
    assert step.meanwhile is None


def test_after_each_purchase_asks_before_every_line_and_knows_the_open_order(setting: Setting) -> None:
    walk = lines.observed(setting)
    assert asked(walk) == [
        (ANN, [A, B, A], [], [NEW]),
        (ANN, [A, B, A], [NEW], [A]),
        (BOB, [B], [], [B]),
        (BOB, [B], [B], [B]),
        (DAN, [], [], [A]),
    ]
    assert walk.left_out["lines that repeat an item of their order"] == 1
    assert walk.grain is Grain.LINE


def test_each_day_is_observed_once_it_is_over(setting: Setting) -> None:
    walk = lines.observed(setting)
    assert [step.meanwhile for step in walk.steps] == [(5, 7), (7, 10)]
    assert [len(step.moments) for step in walk.steps] == [2, 3]
    assert walk.is_observed


def test_a_frozen_walk_asks_the_same_and_is_not_observed(setting: Setting) -> None:
    assert asked(lines.frozen(setting)) == asked(lines.observed(setting))
    assert not lines.frozen(setting).is_observed


def test_next_order_asks_for_the_first_order_after_the_split_however_late(setting: Setting) -> None:
    walk = next_order.chronological_on_the_visit(setting)
    assert asked(walk) == [(ANN, [A, B, A], [], [A, NEW]), (BOB, [B], [], [B]), (CAT, [A], [], [LATER])]
    assert days(walk) == [21, 22, 45]
    assert walk.left_out["users who came for the first time, not asked"] == 1


def test_until_the_last_visit_every_line_is_observed_and_none_twice(setting: Setting) -> None:
    steps = next_order.chronological_on_the_visit(setting).steps
    observed = [line for step in steps if step.meanwhile for line in range(*step.meanwhile)]
    assert observed == list(range(setting.held_out.start, 12))


def test_a_standing_list_is_asked_for_right_after_the_order_before(setting: Setting) -> None:
    walk = next_order.chronological_standing(setting)
    assert asked(walk) == [(BOB, [B], [], [B]), (CAT, [A], [], [LATER]), (ANN, [A, B, A], [], [A, NEW])]
    assert days(walk) == [5, 6, 10]


def test_the_last_order_is_hidden_and_all_others_are_learnt_from(setting: Setting) -> None:
    walk = next_order.hidden_on_the_visit(setting)
    assert asked(walk) == [(BOB, [B], [], [B]), (ANN, [A, B, A, NEW, A], [], [B]), (CAT, [A], [], [LATER])]
    assert days(walk) == [22, 40, 45]
    past = walk.past.purchases
    assert list(zip(past.user.tolist(), past.item.tolist(), strict=True)) == [
        (ANN, A), (ANN, B), (BOB, B), (CAT, A), (ANN, A), (ANN, NEW), (ANN, A), (DAN, A),
    ]  # fmt: skip
    assert walk.left_out["users with a single order, not asked"] == 1


def test_what_is_hidden_is_not_there_to_be_seen(setting: Setting) -> None:
    for make in (next_order.hidden_on_the_visit, next_order.hidden_standing):
        walk = make(setting)
        assert all(step.moments.purchases is walk.past.purchases for step in walk.steps)


def test_a_hidden_order_asked_right_after_the_one_before_knows_no_more_than_then(setting: Setting) -> None:
    walk = next_order.hidden_standing(setting)
    assert asked(walk) == [(BOB, [B], [], [B]), (CAT, [A], [], [LATER]), (ANN, [A, B, A, NEW, A], [], [B])]
    assert days(walk) == [5, 6, 21]


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=lambda question: question.name)
def test_moments_are_told_in_the_order_of_time(setting: Setting, question: object) -> None:
    for step in QUESTIONS[question.name].walk(setting).steps:  # type: ignore[attr-defined]
        assert (np.diff(step.moments.before) >= 0).all()
        assert (step.moments.open_from <= step.moments.before).all()


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_can_be_asked_of_data_without_times(name: str) -> None:
    held_out = hold_out(purchases_of(ORDERS, is_timed=False), 5, 10)
    walk = QUESTIONS[name].walk(Setting(held_out, held_out))
    assert len(walk) == len(walk.user) == len(walk.truths)


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_says_its_protocol(name: str) -> None:
    assert len(QUESTIONS[name].protocol.split()) > 30
    assert not QUESTIONS[name].title.endswith(".")


def test_a_quick_backtest_asks_known_questions() -> None:
    assert set(IN_QUICK) < set(QUESTIONS)


def test_of_too_many_answers_those_of_some_users_are_left_out(held_out: HeldOut) -> None:
    walk = lines.observed(Setting(held_out, held_out, max_lists=1))
    answered = [(user, item) for user, _, _, (item,) in asked(walk)]
    assert 0 < len(answered) < 5
    assert walk.left_out["lines left out by chance"] == 5 - len(answered)
    everything = [(user, item) for user, _, _, (item,) in asked(lines.observed(Setting(held_out, held_out)))]
    assert answered == [one for one in everything if one[0] in {user for user, _ in answered}]
    assert [step.meanwhile for step in walk.steps] == [(5, 7), (7, 10)]


def test_nobody_who_comes_back_is_not_enough_data() -> None:
    once = hold_out(purchases_of([(0, ANN, [A]), (9, BOB, [B]), (20, CAT, [A])]), 15 * DAY_S, 25 * DAY_S)
    for make in (next_order.chronological_on_the_visit, next_order.hidden_on_the_visit, next_month.walk):
        with pytest.raises(NotEnoughData):
            make(Setting(once, once))


def test_stages_end_at_midnight_and_cover_every_line() -> None:
    purchases = purchases_of(ORDERS)
    assert list(stages(purchases, 5, 12)) == [(5, 7), (7, 10), (10, 11), (11, 12)]


def test_without_times_stages_are_equal_parts_that_cut_no_order() -> None:
    orders = [(0, order % 4, [A, B, A]) for order in range(200)]
    purchases = purchases_of(orders, is_timed=False)
    found = list(stages(purchases, 300, 600))
    assert (found[0][0], found[-1][1]) == (300, 600)
    assert all(end == start for (_, end), (start, _) in pairwise(found))
    assert all(start % 3 == 0 for start, _ in found)
    assert len(found) > 20
