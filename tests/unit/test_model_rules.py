"""The simple rules: every score by hand, and the laws that they can learn."""

import numpy as np
import pytest

from tests import shops
from tests.shops import Shop
from tests.tiny import A, B, C, D, Order, now, purchases
from trainer.models.item_to_item import ItemToItem, Nearness, Together
from trainer.models.markov import Markov
from trainer.models.markov_lines import LineSettings
from trainer.models.markov_orders import OrderSettings
from trainer.models.model import Grain, Model
from trainer.models.own_frequency import OwnFrequency, OwnRecency
from trainer.models.popularity import Popularity
from trainer.models.recent_popularity import RecentPopularity
from trainer.models.validation import accuracy, held_out
from trainer.progress import Silent
from trainer.purchases import Moments, Purchases

FOR_EVER = 1e9


def scores(model: Model, past: Purchases, moments: Moments, grain: Grain = Grain.ORDER) -> object:
    """Of the items A and on, for the only moment; equal to a list whose values differ by rounding."""
    (row,) = model.fit(past, grain, Silent()).scores(moments)
    return pytest.approx(row[A:].tolist(), abs=1e-5)


def reached(model: Model, shop: Shop, grain: Grain) -> float:
    """Accuracy@5 on the newest of what the shop sold."""
    questions = held_out(shop.purchases, grain)
    return accuracy(model.fit(questions.known, grain, Silent()), questions)


def test_recent_popularity_halves_with_each_half_life() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(0, 10, (B,)))
    assert scores(RecentPopularity([10]), past, now(past, 0)) == [0.5, 1.5]


def test_recent_popularity_goes_on_counting_what_it_knows() -> None:
    whole = purchases(Order(0, 0, (A, B)), Order(0, 10, (B,)), Order(0, 20, (A, C)))
    ranker = RecentPopularity([10]).fit(whole.before(3), Grain.ORDER, Silent())
    ranker.observe(whole, 3, 5)
    assert ranker.scores(now(whole, 0))[0, A:].tolist() == pytest.approx([1.25, 0.75])


def test_own_frequency_counts_the_users_own_orders() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (C,)), Order(0, 2, (A,)))
    assert scores(OwnFrequency(), past, now(past, 0)) == [2, 1, 0]


def test_own_recency_lets_a_new_habit_win() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (A,)), Order(0, 2, (B,)))
    assert scores(OwnRecency([0.5]), past, now(past, 0)) == [0.75, 1]


def test_items_that_are_bought_together_are_near() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (A, B)), Order(1, 2, (A, C)), Order(2, 3, (B,)))
    model = ItemToItem([Nearness(Together.ORDERS, decay=1)])
    assert scores(model, past, now(past, 2)) == [2 / 3, 1, 0]


def test_items_that_one_user_bought_apart_are_near_by_user() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (B,)), Order(1, 2, (A,)))
    assert scores(ItemToItem([Nearness(Together.ORDERS, decay=1)]), past, now(past, 1)) == [1, 0]
    assert scores(ItemToItem([Nearness(Together.USERS, decay=1)]), past, now(past, 1)) == [1, 1 / np.sqrt(2)]


def over_lines(half_life: float = FOR_EVER, smoothing: float = 1.0, own: float = 0.0) -> Markov:
    return Markov(lines=[LineSettings(half_life, smoothing, own)])


def test_the_followers_of_the_last_line_are_scored_by_their_share() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (A, B)), Order(2, 2, (A, C)), Order(3, 3, (A,)))
    within_orders = np.array([0, 2 / 3, 1 / 3])
    expected = (np.array([0, 2, 1]) + within_orders) / (3 + 1)
    assert scores(over_lines(), past, now(past, 3, n_open=1), Grain.LINE) == expected.tolist()


def test_a_line_that_nobody_followed_falls_back_on_all_followers() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (A, B)), Order(2, 2, (A, C)), Order(3, 3, (C,)))
    assert scores(over_lines(), past, now(past, 3, n_open=1), Grain.LINE) == [0, 2 / 3, 1 / 3]


def test_a_new_order_begins_after_the_last_line_of_the_one_before() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(0, 1, (C, A)), Order(1, 2, (B,)))
    first_lines = np.array([1 / 3, 1 / 3, 1 / 3])
    expected = (np.array([0, 0, 1]) + first_lines) / (1 + 1)
    assert scores(over_lines(), past, now(past, 1), Grain.LINE) == expected.tolist()


def test_the_users_own_followers_are_added() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (A, C)), Order(1, 2, (A,)))
    everybody = (np.array([0, 1, 1]) + np.array([0, 0.5, 0.5])) / (2 + 1)
    expected = everybody + 0.25 * np.array([0, 0, 1])
    assert scores(over_lines(own=0.25), past, now(past, 1, n_open=1), Grain.LINE) == expected.tolist()


def test_followers_fade() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 10, (A, C)), Order(2, 10, (A,)))
    within_orders = np.array([0, 1 / 3, 2 / 3])
    expected = (np.array([0, 0.5, 1]) + within_orders) / (1.5 + 1)
    assert scores(over_lines(half_life=10), past, now(past, 2, n_open=1), Grain.LINE) == expected.tolist()


def test_the_chain_over_lines_learns_from_the_stream_as_from_the_past() -> None:
    whole = shops.markov(n_users=30).purchases
    at_once = over_lines(half_life=30).fit(whole, Grain.LINE, Silent())
    piecewise = over_lines(half_life=30).fit(whole.before(590), Grain.LINE, Silent())
    piecewise.observe(whole, 590, 595)
    piecewise.observe(whole, 595, 600)
    known = whole.before(590).vocabulary_size
    assert known == whole.vocabulary_size
    moments = now(whole, *range(30))
    np.testing.assert_allclose(piecewise.scores(moments), at_once.scores(moments), rtol=1e-4, atol=1e-6)


def test_what_follows_in_the_next_order_is_the_mean_over_the_newest_one() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(0, 1, (C,)), Order(1, 2, (A,)), Order(1, 3, (D,)), Order(2, 4, (A, B)))
    model = Markov(orders=[OrderSettings(half_life=FOR_EVER, smoothing=1, own=0)])
    share_of_orders = np.array([3, 2, 1, 1]) / 5
    after_a = (np.array([0, 0, 1, 1]) + share_of_orders) / (2 + 1)
    after_b = (np.array([0, 0, 1, 0]) + share_of_orders) / (1 + 1)
    assert scores(model, past, now(past, 2)) == ((after_a + after_b) / 2).tolist()


def test_the_chain_over_orders_adds_the_share_of_the_users_own_orders() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (A, B)))
    without, with_own = (
        np.array(Markov(orders=[OrderSettings(FOR_EVER, 1, own)]).fit(past, Grain.ORDER, Silent()).scores(now(past, 0)))
        for own in (0, 0.5)
    )
    assert (with_own - without)[0, A:].tolist() == pytest.approx([0.5, 0.25])


def test_who_has_never_bought_is_offered_what_lies_in_most_orders() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (A, B)))
    model = Markov(orders=[OrderSettings(FOR_EVER, 1, 0)])
    assert scores(model, past, now(past, 7)) == [1, 0.5]


def test_the_chain_over_orders_learns_from_the_stream_as_from_the_past() -> None:
    whole = shops.favourites(n_users=20, n_items=15, days=60).purchases
    model = Markov(orders=[OrderSettings(half_life=30, smoothing=5, own=0.1)])
    cut = int(whole.order_starts[len(whole.order_starts) // 2])
    piecewise = model.fit(whole.before(cut), Grain.ORDER, Silent())
    piecewise.observe(whole, cut, len(whole))
    assert whole.before(cut).vocabulary_size == whole.vocabulary_size
    moments = now(whole, *range(20))
    at_once = model.fit(whole, Grain.ORDER, Silent()).scores(moments)
    np.testing.assert_allclose(piecewise.scores(moments), at_once, rtol=1e-4, atol=1e-6)


def test_followers_are_learnt_where_nothing_is_bought_twice() -> None:
    shop = shops.markov()
    assert reached(Markov(), shop, Grain.LINE) > 0.85
    assert reached(Popularity(), shop, Grain.LINE) < 0.1


def test_a_new_fashion_is_noticed() -> None:
    shop = shops.fashion()
    assert reached(RecentPopularity(), shop, Grain.ORDER) > reached(Popularity(), shop, Grain.ORDER) + 0.1


@pytest.mark.parametrize("model", [OwnFrequency(), OwnRecency(), ItemToItem()], ids=lambda model: model.name)
def test_favourites_are_found(model: Model) -> None:
    shop = shops.favourites()
    assert reached(model, shop, Grain.ORDER) > reached(Popularity(), shop, Grain.ORDER) + 0.4
