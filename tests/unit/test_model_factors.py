"""Models that compare users, and models that learn vectors: by hand where it can be done, and by law."""

import numpy as np
import pytest
from implicit.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits

from serving.features import FIRST_ITEM
from tests import shops
from tests.tiny import A, B, C, Order, now, purchases
from tests.unit.test_model_rules import reached
from trainer.models.als import Als, AlsRanker
from trainer.models.bpr import Bpr
from trainer.models.ease import Ease
from trainer.models.histories import Histories, dense
from trainer.models.matrix_factorization import MatrixFactorization
from trainer.models.model import Grain, Model
from trainer.models.popularity import Popularity
from trainer.models.tifu_knn import Tifu, TifuKnn
from trainer.models.user_factors import UserFactorsRanker
from trainer.progress import Silent

TWO_TASTES = purchases(*(Order(user, user, (A, B) if user % 2 == 0 else (C, C + 1)) for user in range(40)))
"""Users with even numbers buy A and B, the others C and D."""


def test_a_user_is_mixed_with_the_nearest_other_ones() -> None:
    past = purchases(Order(0, 0, (A,)), Order(1, 1, (A, B)), Order(2, 2, (C,)))
    model = TifuKnn([Tifu(m=7, rb=0.9, rg=0.7, n_nearest=1, alpha=0.75)])
    assert model.fit(past, Grain.ORDER, Silent()).scores(now(past, 0))[0, A:].tolist() == [1, 0.25, 0]


def test_older_groups_of_orders_count_less() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (B,)), Order(0, 2, (C,)), Order(1, 3, (A,)))
    model = TifuKnn([Tifu(m=2, rb=0.5, rg=0.1, n_nearest=1, alpha=1)])
    scores = model.fit(past, Grain.ORDER, Silent()).scores(now(past, 0))
    assert scores[0, A:].tolist() == pytest.approx([0.1 / 2, 0.5 / 4, 1 / 4])


def test_a_user_of_the_stream_is_compared_with_those_of_the_past() -> None:
    whole = purchases(Order(0, 0, (A, B)), Order(1, 1, (C,)), Order(2, 2, (A,)))
    ranker = TifuKnn([Tifu(m=7, rb=0.9, rg=0.7, n_nearest=1, alpha=0.5)]).fit(whole.before(3), Grain.ORDER, Silent())
    assert ranker.scores(now(whole, 2))[0, A:].tolist() == [1, 0.5, 0]


def test_ease_is_a_ridge_regression_of_each_item_on_the_others() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(1, 1, (A,)), Order(2, 2, (B,)))
    scores = Ease([1]).fit(past, Grain.ORDER, Silent()).scores(now(past, 1, 2))
    # A and B were bought by two users each and by one together: 1 / (2 + 1) either way, and nothing for itself.
    np.testing.assert_allclose(scores[:, A:], [[0, 1 / 3], [1 / 3, 0]], atol=1e-6)


def test_ease_solves_the_same_problem_as_least_squares_with_more_items() -> None:
    past = shops.favourites(n_users=30, n_items=12).purchases
    x = dense(Histories.of(now(past, *range(30)), past.vocabulary_size).orders())[:, FIRST_ITEM:].astype(np.float64)
    scores = Ease([7]).fit(past, Grain.ORDER, Silent()).scores(now(past, *range(30)))[:, FIRST_ITEM:]
    others = np.delete(x, 4, axis=1)
    weights = np.linalg.solve(others.T @ others + 7 * np.eye(11), others.T @ x[:, 4])
    np.testing.assert_allclose(scores[:, 4], others @ weights, rtol=1e-3, atol=1e-3)


def test_the_vector_of_a_user_is_solved_from_the_history_of_the_moment() -> None:
    past = purchases(Order(0, 0, (A, B)), Order(0, 1, (A,)))
    items = np.array([[0, 0], [0, 0], [1, 0.5], [0.2, 1]], np.float32)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(factors=2, alpha=3, regularization=0.1, num_threads=1)
    model.item_factors = items
    confidence = np.array([1, 1, 3 * 2, 3 * 1])
    preference = np.array([0, 0, 1, 1])
    x = np.linalg.solve((items.T * confidence) @ items + 0.1 * np.eye(2), (items.T * confidence) @ preference)
    np.testing.assert_allclose(AlsRanker(model).scores(now(past, 0))[0], items @ x, rtol=1e-4)


def test_who_has_no_vector_has_no_preference() -> None:
    past = TWO_TASTES
    users, items = np.ones((past.n_users, 1), np.float32), np.arange(past.vocabulary_size, dtype=np.float32)[:, None]
    scores = UserFactorsRanker(past, users, items).scores(now(past, 3, past.n_users))
    assert scores.tolist() == [items[:, 0].tolist(), [0] * past.vocabulary_size]


def test_a_user_who_is_missing_from_the_past_has_no_vector_either() -> None:
    past = TWO_TASTES.chosen(TWO_TASTES.user != 3)
    users, items = np.ones((past.n_users, 1), np.float32), np.ones((past.vocabulary_size, 1), np.float32)
    assert UserFactorsRanker(past, users, items).scores(now(past, 2, 3)).any(axis=1).tolist() == [True, False]


SMALL: list[Model] = [
    Als([(4, 2, 0.1)]),
    Bpr([(4, 0.1, 0.001, 200)]),
    MatrixFactorization(n_factors=4, epochs=30, batch_size=20, learning_rate=0.05),
]


@pytest.mark.parametrize("model", SMALL, ids=lambda model: model.name)
def test_users_of_one_taste_are_told_from_users_of_another(model: Model) -> None:
    scores = model.fit(TWO_TASTES, Grain.ORDER, Silent()).scores(now(TWO_TASTES, 0, 1))[:, A:]
    assert scores[0, :2].min() > scores[0, 2:].max()
    assert scores[1, 2:].min() > scores[1, :2].max()


@pytest.mark.parametrize("model", SMALL, ids=lambda model: model.name)
def test_what_was_bought_more_often_is_preferred(model: Model) -> None:
    orders = [Order(user, user, (A, B)) for user in range(20)]
    again = [Order(user, 20 + user + 20 * time, (A,)) for time in range(5) for user in range(20)]
    past = purchases(*orders, Order(20, 20, (C, C + 1)), *again)
    scores = model.fit(past, Grain.ORDER, Silent()).scores(now(past, *range(20)))
    assert (scores[:, A] > scores[:, B]).mean() > 0.8


@pytest.mark.parametrize(
    "model",
    [
        TifuKnn(),
        Ease(),
        Als([(32, 2, 1)]),
        Bpr([(32, 0.05, 0.001, 100)]),
        MatrixFactorization(32, epochs=20, batch_size=500),
    ],
    ids=lambda model: model.name,
)
def test_favourites_are_found(model: Model) -> None:
    shop = shops.favourites()
    assert reached(model, shop, Grain.ORDER) > reached(Popularity(), shop, Grain.ORDER) + 0.3
