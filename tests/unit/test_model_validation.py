"""Settings are chosen on the newest part of the past."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from tests import shops
from tests.tiny import A, B, C, Order, purchases
from trainer.models.model import Frozen, Grain
from trainer.models.validation import K, accuracy, chosen, held_out
from trainer.progress import Silent
from trainer.purchases import Float32s, Moments, Purchases

OLD = [Order(0, day, (A, B, C)) for day in range(9)]


class Always(Frozen):
    """Offers one item before all others."""

    def __init__(self, past: Purchases, item: int) -> None:
        self._scores = np.zeros(past.vocabulary_size, np.float32)
        self._scores[item] = 1

    def scores(self, moments: Moments) -> Float32s:
        return np.tile(self._scores, (len(moments), 1))


class Watching(Always):
    """Notes what it was told and what it was asked."""

    def __init__(self, past: Purchases) -> None:
        super().__init__(past, FIRST_ITEM)
        self.seen = len(past)

    def observe(self, purchases: Purchases, start: int, end: int) -> None:
        assert start == self.seen
        self.seen = end

    def scores(self, moments: Moments) -> Float32s:
        assert self.seen <= moments.before.min()
        return super().scores(moments)


class Notes(Silent):
    def __init__(self) -> None:
        self.texts: list[str] = []

    def noted(self, text: str) -> None:
        self.texts.append(text)


def many_items(*newest: Order) -> Purchases:
    """Nine items of which none is more popular, then the newest orders; the user buys everything each day."""
    everything = tuple(range(FIRST_ITEM, FIRST_ITEM + 9))
    return purchases(*(Order(0, day, everything) for day in range(9)), *newest)


@pytest.mark.parametrize("grain", Grain)
def test_the_setting_is_taken_that_foresees_the_newest_of_the_past(grain: Grain) -> None:
    last = FIRST_ITEM + 8
    past = many_items(*(Order(0, 10 + day, (last,)) for day in range(9)))
    notes = Notes()
    assert chosen([FIRST_ITEM, last, FIRST_ITEM + 6], Always, past, grain, notes) == last
    assert notes.texts == [f"{last} chosen, accuracy@5 1.000 on the newest of the past"]


def test_without_a_choice_nothing_is_measured() -> None:
    def refuse(past: Purchases, setting: int) -> Always:
        raise AssertionError("fit without need")

    assert chosen([7], refuse, purchases(*OLD), Grain.ORDER, Silent()) == 7


def test_where_nothing_can_be_asked_the_first_setting_is_taken() -> None:
    only_new_users = purchases(*(Order(user, user, (A,)) for user in range(20)))
    assert chosen([4, 3], Always, only_new_users, Grain.ORDER, Silent()) == 4


def test_what_is_fit_ends_before_what_is_asked() -> None:
    shop = shops.favourites(n_users=30).purchases
    for grain in Grain:
        questions = held_out(shop, grain)
        assert 0 < len(questions.known) <= questions.moments.before.min()
        assert 0.85 * len(shop) < len(questions.known) < 0.95 * len(shop)


def test_each_known_user_is_asked_about_the_first_order_that_is_held_out() -> None:
    past = purchases(*OLD, Order(0, 9, (B,)), Order(1, 10, (A,)), Order(0, 11, (A,)))
    questions = held_out(past, Grain.ORDER)
    assert questions.moments.user.tolist() == [0]
    assert questions.bought.toarray()[:, A:].tolist() == [[0, 1, 0]]


def test_what_lies_in_the_open_order_is_not_offered_again() -> None:
    past = many_items(*(Order(0, 10 + day, (FIRST_ITEM + 7, FIRST_ITEM + 7)) for day in range(5)))
    questions = held_out(past, Grain.LINE)
    ranker = Always(questions.known, FIRST_ITEM + 7)
    second_lines = (questions.moments.before > questions.moments.open_from).sum()
    assert second_lines == len(questions.moments) // 2
    assert accuracy(ranker, questions) == pytest.approx(0.5)


def test_hits_are_counted_of_as_many_as_there_could_be() -> None:
    items = tuple(range(FIRST_ITEM, FIRST_ITEM + K + 1))
    past = purchases(*(Order(0, day, items) for day in range(30)))
    questions = held_out(past, Grain.ORDER)
    assert accuracy(Always(questions.known, FIRST_ITEM), questions) == 1


def test_rankers_observe_what_has_happened_before_they_are_asked_and_no_more() -> None:
    questions = held_out(shops.fashion(n_users=40).purchases, Grain.LINE)
    ranker = Watching(questions.known)
    accuracy(ranker, questions)
    assert ranker.seen > len(questions.known)
