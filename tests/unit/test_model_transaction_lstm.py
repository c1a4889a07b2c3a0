"""The LSTM over one transaction: what it reads, and what it can learn."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM, PADDING, Int64s
from tests.eagerly import without_graphs
from tests.shops import Shop, favourites, markov
from tests.tiny import Order, purchases
from trainer.models.model import Grain
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.transaction_lstm import SOMEBODY, WINDOW, OpenOrders, Orders, TransactionLSTM, returning
from trainer.models.validation import accuracy, held_out
from trainer.numbering import by_first_appearance
from trainer.progress import Silent
from trainer.purchases import Moments, Purchases

SCHEDULE = Schedule(epochs=25, steps=300, batch_size=16, learning_rate=1e-2)


def shop_of_orders(orders: list[list[int]], users: list[int]) -> Purchases:
    """One order a day, of these items, by these users; items are numbered by the place of their first purchase."""
    number, _ = by_first_appearance(np.concatenate([np.array(items) for items in orders]))
    items = np.split(FIRST_ITEM + number, np.cumsum([len(items) for items in orders])[:-1])
    return purchases(*(Order(users[day], day, tuple(of_day.tolist())) for day, of_day in enumerate(items)))


def one_order_each(shop: Shop) -> Purchases:
    """The same walks, each customer's in a single order."""
    line, first, _ = shop.purchases.by_user
    walks = np.split(shop.purchases.item[line], first[1:-1])
    return shop_of_orders([walk.tolist() for walk in walks], list(range(len(walks))))


def asked_before(past: Purchases, lines: Int64s) -> Moments:
    starts = past.order_starts
    open_from = starts[np.searchsorted(starts, lines, side="right") - 1]
    return Moments(past, past.user[lines], lines, past.at[lines], open_from)


def test_an_order_is_read_from_nothing_on_and_a_long_one_goes_on_where_its_window_ended() -> None:
    short, long = [0, 1, 2], list(range(3, 3 + WINDOW + 2))
    past = shop_of_orders([short, long], [0, 1])
    examples = Orders(past, returning(past), seed=0, forgotten=0.0)
    inputs, target = examples.batch(np.arange(3))
    items = past.item.tolist()
    assert target[0, :4].tolist() == [*items[:3], PADDING]
    assert inputs["item"][0, :3].tolist() == [PADDING, *items[:2]]
    assert target[2, :3].tolist() == [*items[-2:], PADDING]
    assert inputs["item"][2, :2].tolist() == items[-3:-1]


def test_single_lines_are_not_padded() -> None:
    past = shop_of_orders([[0], [1], [2]], [0, 1, 2])
    assert Orders(past, returning(past), seed=0).batch(np.arange(3))[1].shape == (3, 1)


def test_only_who_comes_again_has_an_embedding_of_their_own() -> None:
    past = shop_of_orders([[0], [1], [2], [0], [1]], [0, 1, 2, 0, 2])
    assert returning(past).tolist() == [1, SOMEBODY, 2]


def test_moments_within_one_order_share_it() -> None:
    past = shop_of_orders([[0, 1, 2], [3, 4]], [0, 1])
    orders = OpenOrders.of(asked_before(past, np.array([1, 2, 3, 4])))
    assert orders.order.tolist() == [0, 0, 1, 1]
    assert orders.n_lines.tolist() == [1, 2, 0, 1]
    assert (orders.end - orders.start).tolist() == [2, 1]


def test_it_learns_what_follows_what_within_an_order() -> None:
    past = one_order_each(markov(n_users=150, n_items=80, n_lines=10))
    questions = held_out(past, Grain.LINE)
    ranker = TransactionLSTM(units=48, width=32, schedule=SCHEDULE).fit(questions.known, Grain.LINE, Silent())
    popular = Popularity().fit(questions.known, Grain.LINE, Silent())
    assert accuracy(ranker, questions) > 0.6
    assert accuracy(popular, questions) < 0.3


@without_graphs()
def test_an_answer_does_not_depend_on_who_else_is_asked_about() -> None:
    past = one_order_each(markov(n_users=20, n_items=80, n_lines=10))
    ranker = TransactionLSTM(units=8, width=8, schedule=Schedule(steps=2)).fit(past, Grain.LINE, Silent())
    together = asked_before(past, np.arange(len(past)))
    alone = [ranker.scores(together.rows(np.array([row]))) for row in (0, 7, 101)]
    assert ranker.scores(together)[[0, 7, 101]] == pytest.approx(np.concatenate(alone), abs=1e-5)


def test_with_its_user_an_order_is_known_before_it_begins() -> None:
    past = favourites(n_users=60, n_items=60, days=150).purchases
    questions = held_out(past, Grain.ORDER)
    model = TransactionLSTM(with_user=True, units=32, width=32, schedule=SCHEDULE)
    with_user = model.fit(questions.known, Grain.ORDER, Silent())
    popular = Popularity().fit(questions.known, Grain.ORDER, Silent())
    assert accuracy(with_user, questions) > accuracy(popular, questions) + 0.2


@without_graphs()
def test_without_its_user_all_orders_begin_alike() -> None:
    questions = held_out(favourites(n_users=20, n_items=60, days=60).purchases, Grain.ORDER)
    model = TransactionLSTM(units=8, width=8, schedule=Schedule(steps=2))
    scores = model.fit(questions.known, Grain.ORDER, Silent()).scores(questions.moments)
    assert scores == pytest.approx(np.tile(scores[:1], (len(scores), 1)))
