"""Predictor, equally weighted and soft split: the examples by hand, and what can be learnt from them."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from tests.shops import favourites, without_times
from tests.tiny import DAY, Order, purchases
from trainer.models.model import Grain
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.soft_split import Cost, DateBinConvolution, SoftSplit
from trainer.models.soft_split_examples import (
    Lines,
    Read,
    Splits,
    bins,
    date_bin,
    day_length,
    decayed,
    targets,
)
from trainer.models.validation import Questions, accuracy, held_out
from trainer.progress import Silent
from trainer.purchases import Purchases

NO_DECAY = 1e6
SCHEDULE = Schedule(epochs=40, steps=300, batch_size=16, learning_rate=3e-3)
HISTORY = Lines(np.array([0, 0, 0, 1]), np.array([2, 3, 2, 4], np.int32), np.array([80.0, 40.0, 4.0, 0.0]))
"""User 0 bought item 2, then 3, then 2 again; user 1 bought item 4 just now."""
AFTER = Lines(np.array([0, 0]), np.array([3, 5], np.int32), np.array([-1.0, -2.0]))
SHAPE = (2, 6)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return held_out(favourites(n_users=100, n_items=60, days=150).purchases, Grain.ORDER)


def bought_on(days: dict[int, list[int]]) -> Purchases:
    """What each user bought, an item of its own every time, on which days."""
    visits = sorted((day, user) for user, on in days.items() for day in on)
    return purchases(*(Order(user, day, (FIRST_ITEM + number,)) for number, (day, user) in enumerate(visits)))


def test_the_decay_is_a_half_after_its_days_and_nothing_ahead() -> None:
    assert decayed(np.array([0.0, 40.0, 80.0, 360.0, -0.5]), 40.0) == pytest.approx([1, 1 / 2, 1 / 3, 1 / 10, 0])
    assert decayed(np.array([0.0, 700.0]), NO_DECAY) == pytest.approx([1, 1], abs=1e-3)


def test_a_history_is_read_by_the_newest_purchase_of_each_item() -> None:
    read = Read(decay=40.0).inputs(HISTORY, *SHAPE)["vector"]
    assert read == pytest.approx(np.array([[0, 0, 1 / 1.1, 1 / 2, 0, 0], [0, 0, 0, 0, 1, 0]]))


def test_the_predictor_gives_back_the_weeks_after_alone() -> None:
    wanted, unwanted = targets(HISTORY, AFTER, None, SHAPE)[0]
    assert wanted.tolist() == [0, 0, 0, 1, 0, 1]
    assert unwanted.tolist() == [1, 1, 1, 0, 1, 0]


def test_the_soft_split_gives_back_the_history_decayed_and_never_calls_it_not_bought() -> None:
    wanted, unwanted = targets(HISTORY, AFTER, 4.0, SHAPE)[0]
    assert wanted == pytest.approx([0, 0, 1 / 2, 1 + 1 / 11, 0, 1])
    assert unwanted.tolist() == [1, 1, 0, 0, 1, 0]


def test_the_cost_is_the_weighted_cross_entropy_of_each_item() -> None:
    probability = np.array([0.2, 0.9])
    logits = np.log(probability / (1 - probability)).astype(np.float32)[None]
    weights = np.array([[[1.5, 0.0], [0.0, 1.0]]], np.float32)
    expected = -(1.5 * np.log(0.2) + np.log(1 - 0.9)) / 2
    assert float(Cost()(weights, logits)) == pytest.approx(expected, rel=1e-5)


def test_two_years_are_32_bins() -> None:
    assert date_bin(np.array([0.0, 22.8, 22.9, 729.9, 730.0, 9_999.0])).tolist() == [1, 1, 2, 32, 32, 32]


def test_the_convolution_adds_up_the_weights_of_the_bins_in_which_an_item_was_bought() -> None:
    layer = DateBinConvolution(SHAPE[1], "decay")
    kernel = np.arange(33, dtype=np.float32) / 10
    layer.set_weights([kernel, np.float32(0.05)])
    twice_in_a_bin = HISTORY._replace(age=np.array([81.0, 40.0, 80.0, 0.0]))
    of_two_bins, of_one = (layer(*bins(lines, 2).values()).numpy() for lines in (HISTORY, twice_in_a_bin))
    assert of_two_bins[0] == pytest.approx([0.05, 0.05, 0.4 + 0.1 + 0.05, 0.2 + 0.05, 0.05, 0.05])
    assert of_one[0, 2] == pytest.approx(0.4 + 0.05)
    assert of_two_bins[1, 4] == pytest.approx(0.1 + 0.05)


def test_users_are_examples_of_each_date_before_and_after_which_they_bought() -> None:
    """The past ends on day 30; with weeks of 10 days it is split at days 10 and 20."""
    past = bought_on({0: [0, 15, 25], 1: [12, 30], 2: [18, 19], 3: [22, 29]})
    splits = Splits(past, Read(decay=NO_DECAY), None, n_splits=2, days_after=10)
    inputs, target = splits.batch(np.arange(len(splits.at)))
    first_user, second_user = (past.item[past.user == user].tolist() for user in (0, 1))
    assert len(splits.at) == 3
    read = [np.flatnonzero(row > 0.5).tolist() for row in inputs["vector"]]
    assert read == [first_user[:1], first_user[:2], second_user[:1]]
    assert [np.flatnonzero(row).tolist() for row in target[:, 0]] == [first_user[1:2], first_user[2:], second_user[1:]]


def test_a_past_without_times_counts_as_a_year() -> None:
    shop = favourites(n_users=20, n_items=30, days=60)
    assert day_length(shop.purchases) == DAY
    untimed = without_times(shop).purchases
    assert day_length(untimed) * 365 == pytest.approx(len(untimed))


@pytest.mark.parametrize("learns_decay", [False, True])
def test_it_learns_what_each_user_buys_again(questions: Questions, learns_decay: bool) -> None:
    model = SoftSplit(learns_decay=learns_decay, hidden=(64, 64), n_splits=4, days_after=14, schedule=SCHEDULE)
    popular = Popularity().fit(questions.known, Grain.ORDER, Silent())
    ranker = model.fit(questions.known, Grain.ORDER, Silent())
    assert accuracy(ranker, questions) > accuracy(popular, questions) + 0.3


def test_bought_items_come_last_where_they_are_to_be_left_out(questions: Questions) -> None:
    model = SoftSplit(leave_out_bought=True, hidden=(8, 8), schedule=Schedule(steps=4))
    scores = model.fit(questions.known, Grain.ORDER, Silent()).scores(questions.moments)
    bought = np.unique(questions.known.item[questions.moments.history(0)])
    assert scores[0, bought].max() < np.delete(scores[0], bought).min()
