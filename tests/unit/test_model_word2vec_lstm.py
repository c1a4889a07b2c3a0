"""Word2Vec vectors read by an LSTM: what is learnt, and the three ways of asking."""

from itertools import pairwise

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from tests.shops import markov
from trainer.models.model import Grain
from trainer.models.popularity import Popularity
from trainer.models.schedule import Schedule
from trainer.models.validation import Questions, accuracy, held_out
from trainer.models.word2vec_lstm import IMPOSSIBLE, Word2VecLSTM, Word2VecLSTMRanker, item_vectors, predicted
from trainer.progress import Silent
from trainer.purchases import Purchases

N_ITEMS = 80


@pytest.fixture(scope="module")
def questions() -> Questions:
    return held_out(markov(n_users=200, n_items=N_ITEMS, n_lines=10).purchases, Grain.ORDER)


@pytest.fixture(scope="module")
def ranker(questions: Questions) -> Word2VecLSTMRanker:
    schedule = Schedule(epochs=40, steps=400, batch_size=16, learning_rate=1e-2)
    model = Word2VecLSTM(units=48, vector_size=32, sweeps=30, schedule=schedule)
    return model.fit(questions.known, Grain.ORDER, Silent())


def followers(purchases: Purchases) -> set[tuple[int, int]]:
    """All pairs that somebody bought one after the other."""
    line, first, _ = purchases.by_user
    histories = (purchases.item[line[start:end]].tolist() for start, end in pairwise(first))
    return {pair for history in histories for pair in pairwise(history)}


def test_it_learns_what_follows_what(questions: Questions, ranker: Word2VecLSTMRanker) -> None:
    assert accuracy(ranker, questions) > 0.6
    assert accuracy(Popularity().fit(questions.known, Grain.ORDER, Silent()), questions) < 0.3


def test_what_is_bought_together_with_a_seed_item_is_what_follows_it(
    questions: Questions, ranker: Word2VecLSTMRanker
) -> None:
    seeds = np.arange(FIRST_ITEM, questions.known.vocabulary_size, dtype=np.int32)
    scores = ranker.bought_together(seeds)
    scores[:, :FIRST_ITEM] = -np.inf
    pairs = followers(questions.known)
    assert np.mean([pair in pairs for pair in zip(seeds.tolist(), scores.argmax(axis=1).tolist(), strict=True)]) > 0.6


def test_the_next_orders_follow_each_other_and_hold_nothing_twice(
    questions: Questions, ranker: Word2VecLSTMRanker
) -> None:
    pairs = followers(questions.known)
    steps = ranker.next_items([FIRST_ITEM, FIRST_ITEM + 7], 6)
    assert len(set(steps)) == 6
    assert np.mean([pair in pairs for pair in pairwise([FIRST_ITEM + 7, *steps])]) > 0.6


def test_an_item_that_was_only_ever_the_first_is_not_predicted() -> None:
    purchases = markov(n_users=20, n_items=N_ITEMS, n_lines=10).purchases
    added = predicted(purchases)
    later = set(purchases.item[purchases.by_user.rank > 0].tolist())
    assert {item for item in range(len(added)) if added[item] != IMPOSSIBLE} == later


def test_vectors_say_whether_there_is_one_and_which_item_it_is() -> None:
    purchases = markov(n_users=30, n_items=N_ITEMS, n_lines=10).purchases
    vectors = item_vectors(purchases, size=8, sweeps=2, seed=3)
    often = np.bincount(purchases.item, minlength=purchases.vocabulary_size) >= 5
    assert np.array_equal(vectors[:, 0] == 1, often)
    assert (vectors[~often, 2:] == 0).all()
    assert (np.abs(vectors[often, 2:]).sum(axis=1) > 0).all()
    assert vectors[-1, 1] == 1
    assert (np.diff(vectors[FIRST_ITEM:, 1]) > 0).all()
    assert (vectors[:FIRST_ITEM] == 0).all()


def test_the_same_seed_gives_the_same_vectors() -> None:
    purchases = markov(n_users=30, n_items=N_ITEMS, n_lines=10).purchases
    one, same, other = (item_vectors(purchases, size=8, sweeps=1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
