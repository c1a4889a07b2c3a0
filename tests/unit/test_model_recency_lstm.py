"""The LSTM over the newest items, with recency buckets and self-attention."""

import keras
import numpy as np
import pytest

from serving.features import FIRST_ITEM, PADDING, Int64s
from tests.eagerly import without_graphs
from tests.shops import markov
from tests.tiny import DAY, Order, purchases
from trainer.models.keras_training import at_the_end, next_item_loss, seeded
from trainer.models.model import Grain, LossCurve
from trainer.models.popularity import Popularity
from trainer.models.recency_lstm import RecencyLSTM, RecencyLSTMRanker, Sequences
from trainer.models.schedule import Schedule
from trainer.models.validation import accuracy, held_out
from trainer.progress import Silent
from trainer.purchases import Moments, Purchases

VERSIONS = pytest.mark.parametrize(("recency", "attention"), [(False, False), (True, False), (True, True)])


def bought_on(days: list[int]) -> Purchases:
    """One customer's lines, a different item on each day."""
    return purchases(*(Order(0, day, (FIRST_ITEM + number,)) for number, day in enumerate(days)))


def when_all_is_over(past: Purchases, rows: Int64s) -> Moments:
    """What these users are asked once everything has happened."""
    n = np.full(len(rows), len(past))
    return Moments(past, rows.astype(np.int32), n, np.full(len(rows), past.at.max() + DAY), n)


def untrained(past: Purchases, recency: bool, attention: bool) -> keras.Model:
    seeded(1)
    return RecencyLSTM(with_recency=recency, with_attention=attention, units=8, width=8).network(past)


def test_recency_is_counted_from_the_end_of_the_past_in_bins_of_a_hundredth_of_a_year() -> None:
    """A bin is 3.65 days: 361 days lie below the border of the 99th and 100th bin, 362 above it."""
    ages = [400, 362, 361, 4, 3, 0]
    examples = Sequences(bought_on([500 - age for age in ages]), Grain.LINE, length=20, seed=0)
    inputs, _ = examples.batch(np.array([0]))
    assert inputs["recency"][0, -5:].tolist() == [100, 100, 99, 2, 1]
    assert (inputs["recency"][0, :-5] == PADDING).all()


def test_the_target_is_the_item_after_the_input() -> None:
    inputs, target = Sequences(bought_on([0, 1, 2, 3]), Grain.LINE, length=5, seed=0).batch(np.array([0]))
    assert inputs["item"].tolist() == [[0, 0, 2, 3, 4]]
    assert target.tolist() == [[0, 0, 3, 4, 5]]


@VERSIONS
@without_graphs()
def test_padding_has_no_influence(recency: bool, attention: bool) -> None:
    past = markov(n_users=10, n_items=80, n_lines=10).purchases
    network = untrained(past, recency, attention)
    scores = [
        RecencyLSTMRanker(network, length, past.vocabulary_size, LossCurve(())).scores(
            when_all_is_over(past, np.arange(10))
        )
        for length in (10, 25)
    ]
    assert scores[0] == pytest.approx(scores[1], abs=1e-5)
    assert np.ptp(scores[0], axis=0).max() > 1e-4


@VERSIONS
def test_no_position_looks_ahead(recency: bool, attention: bool) -> None:
    past = markov(n_users=10, n_items=80, n_lines=10).purchases
    network = untrained(past, recency, attention)
    item = np.array([[0, 5, 6, 7], [0, 5, 6, 9]], np.int32)
    inputs = {"item": item, "recency": np.array([[0, 9, 5, 1], [0, 9, 5, 40]], np.int32)}
    one, other = network(inputs).numpy()
    assert one[:3] == pytest.approx(other[:3], abs=1e-6)
    assert np.abs(one[3] - other[3]).max() > 1e-4


@VERSIONS
def test_the_last_position_is_answered_as_among_all_others(recency: bool, attention: bool) -> None:
    network = untrained(markov(n_users=10, n_items=80, n_lines=10).purchases, recency, attention)
    inputs = {"item": np.array([[0, 5, 6], [7, 8, 9]], np.int32), "recency": np.array([[0, 9, 1], [3, 2, 1]], np.int32)}
    assert at_the_end(network)(inputs).numpy() == pytest.approx(network(inputs).numpy()[:, -1], abs=1e-6)


def test_the_loss_does_not_see_padding() -> None:
    """A target that is padding changes nothing, whatever the network says there."""
    target = np.array([[PADDING, 2, 3]])
    logits = np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    loss = float(next_item_loss()(target, logits))
    logits[0, 0] = 100
    assert float(next_item_loss()(target, logits)) == pytest.approx(loss)
    log_probability = logits[0, [1, 2], [2, 3]] - np.log(np.exp(logits[0, 1:]).sum(axis=1))
    assert loss == pytest.approx(-log_probability.mean(), rel=1e-5)


@without_graphs()
def test_nobody_knows_more_of_a_newcomer_than_what_is_popular() -> None:
    past = markov(n_users=30, n_items=80, n_lines=10).purchases
    ranker = RecencyLSTM(units=8, width=8, schedule=Schedule(steps=2)).fit(past, Grain.ORDER, Silent())
    scores = ranker.scores(when_all_is_over(past, np.array([past.n_users, past.n_users + 5])))
    assert np.isfinite(scores).all()
    assert np.array_equal(scores[0], scores[1])


@VERSIONS
def test_it_learns_what_follows_what(recency: bool, attention: bool) -> None:
    questions = held_out(markov(n_users=200, n_items=80, n_lines=10).purchases, Grain.ORDER)
    schedule = Schedule(epochs=10, steps=110, batch_size=16, learning_rate=2e-2)
    model = RecencyLSTM("any", recency, attention, units=48, width=32, length=10, schedule=schedule)
    assert accuracy(model.fit(questions.known, Grain.ORDER, Silent()), questions) > 0.6
    assert accuracy(Popularity().fit(questions.known, Grain.ORDER, Silent()), questions) < 0.3
