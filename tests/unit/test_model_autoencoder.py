"""The autoencoder over user vectors."""

import numpy as np
import pytest
from scipy import sparse

from serving.features import FIRST_ITEM
from tests.shops import favourites
from trainer.models.autoencoder import Autoencoder, Users, scaled
from trainer.models.model import Grain
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.validation import Questions, accuracy, held_out
from trainer.progress import Silent

SCHEDULE = Schedule(epochs=60, steps=600, batch_size=16, learning_rate=5e-3)


@pytest.fixture(scope="module")
def questions() -> Questions:
    return held_out(favourites(n_users=100, n_items=60, days=120).purchases, Grain.ORDER)


def test_counts_are_scaled_by_the_users_largest() -> None:
    counts = sparse.csr_matrix([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0], [2.0, 2.0, 0.0]])
    assert scaled(counts).toarray() == pytest.approx(np.array([[0, 0.5, 1], [0, 0, 0], [1, 1, 0]]), abs=1e-6)


def test_every_user_of_the_past_is_an_example_as_old_as_their_newest_line(questions: Questions) -> None:
    users = Users(questions.known)
    inputs, target = users.batch(np.arange(len(users.at)))
    assert np.array_equal(inputs["vector"], target)
    assert target.max(axis=1) == pytest.approx(1)
    newest = np.zeros(questions.known.n_users, np.int64)
    np.maximum.at(newest, questions.known.user, questions.known.at)
    assert np.array_equal(users.at, newest)


def test_it_knows_the_favourites_of_each_user(questions: Questions) -> None:
    ranker = Autoencoder(hidden=(64, 32), schedule=SCHEDULE).fit(questions.known, Grain.ORDER, Silent())
    popular = Popularity().fit(questions.known, Grain.ORDER, Silent())
    assert accuracy(ranker, questions) > accuracy(popular, questions) + 0.3


def test_bought_items_come_last_where_they_are_to_be_left_out(questions: Questions) -> None:
    model = Autoencoder(hidden=(8, 4), leave_out_bought=True, schedule=Schedule(steps=4))
    scores = model.fit(questions.known, Grain.ORDER, Silent()).scores(questions.moments)
    for row in range(0, len(questions.moments), 10):
        bought = np.unique(questions.known.item[questions.moments.history(row)])
        others = np.setdiff1d(np.arange(FIRST_ITEM, scores.shape[1]), bought)
        assert scores[row, bought].max() < scores[row, others].min()
