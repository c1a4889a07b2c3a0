"""Item vectors before anything is learnt: what the same users buy lies close."""

import math

import numpy as np
import pytest

from serving.features import FIRST_ITEM, Float32s
from tests.unit.test_trainer_history import bought, history_of
from trainer.next_purchase import companions, factors, line_fit, task
from trainer.next_purchase.companions import DRAWN, LONGEST, SPREAD, companionship, starting_vectors
from trainer.next_purchase.examples import order_examples
from trainer.next_purchase.line_settings import LineTraining
from trainer.next_purchase.manner import HOW, WATCHED_SHARE
from trainer.next_purchase.training import learn
from trainer.nightly.timings import Timings
from trainer.progress import Silent
from trainer.purchases import Purchases
from trainer.settings import TrainerSettings

GARDEN, KITCHEN = ("rake", "spade", "seeds", "hose"), ("pan", "pot", "ladle", "sieve")


@pytest.fixture
def purchases() -> Purchases:
    """Half of the users have a garden, the others a kitchen; each lacks one thing."""
    return history_of(
        *(
            bought(f"{user}", user, *(item for n, item in enumerate(kind) if n != user // 2 % 4), user=f"{user:02}")
            for user, kind in enumerate((GARDEN, KITCHEN) * 12)
        )
    ).purchases


def index(purchases: Purchases, *items: str) -> list[int]:
    return [purchases.item_ids.index(item) + FIRST_ITEM for item in items]


def cosines(vectors: Float32s) -> Float32s:
    directions = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    products: Float32s = directions @ directions.T
    return products


def test_items_with_the_same_buyers_lie_in_the_same_direction(purchases: Purchases) -> None:
    vectors = starting_vectors(purchases, purchases.vocabulary_size, 4, seed=1)
    alike = cosines(vectors[index(purchases, *GARDEN, *KITCHEN)])
    same_kind = np.kron(np.eye(2, dtype=bool), np.ones((4, 4), bool))
    assert alike[same_kind].min() > alike[~same_kind].max() + 0.2


def test_information_is_that_of_pairs_beside_what_popularity_would_have_them_share() -> None:
    """Counted by hand: 1 / sqrt(2) for the user of two items, 1 / sqrt(3) for each pair of the user of three."""
    purchases = history_of(
        bought("1", 1, "a", "b", user="u"), bought("2", 2, "a", "c", "d", user="v"), bought("3", 3, "a", user="u")
    ).purchases
    a, b, c, d = index(purchases, *"abcd")
    two, three = 1 / math.sqrt(2), 1 / math.sqrt(3)
    of_item = np.array([two + 2 * three, two, 2 * three, 2 * three])
    as_companion = of_item**0.75 / (of_item**0.75).sum()
    information = companionship(purchases, purchases.vocabulary_size, np.random.default_rng(1)).toarray()
    assert information[c, d] == pytest.approx(math.log(three / (of_item[2] * as_companion[3])))
    assert information[a, b] == pytest.approx(math.log(two / (of_item[0] * as_companion[1])))
    assert information[b, c] == information[a, a] == 0


def test_what_nobody_has_bought_with_anything_starts_where_chance_puts_it(purchases: Purchases) -> None:
    size, width = purchases.vocabulary_size + 200, 16
    vectors = starting_vectors(purchases, size, width, seed=1)
    alone = vectors[purchases.vocabulary_size :]
    assert alone.std() == pytest.approx(DRAWN, rel=0.1)
    assert not np.array_equal(alone, starting_vectors(purchases, size, width, seed=2)[-200:])
    bought_ones = vectors[FIRST_ITEM : purchases.vocabulary_size, : purchases.n_items]
    assert np.sqrt(np.mean(bought_ones**2)) == pytest.approx(SPREAD, rel=0.01)


@pytest.mark.parametrize("items", [("a",), ("a", "b")])
def test_a_shop_of_one_or_two_items_has_vectors(items: tuple[str, ...]) -> None:
    purchases = history_of(bought("1", 1, *items)).purchases
    vectors = starting_vectors(purchases, purchases.vocabulary_size, 8, seed=1)
    assert vectors.shape == (FIRST_ITEM + len(items), 8)
    assert np.isfinite(vectors).all()
    assert np.abs(vectors).max(axis=1).min() > 0


def test_the_same_past_and_seed_give_the_same_vectors(purchases: Purchases) -> None:
    one, other = (starting_vectors(purchases, purchases.vocabulary_size, 4, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one, other)


def test_large_matrices_are_factored_as_small_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(5)
    purchases = history_of(
        *(
            bought(f"{user}", user, *(f"i{item}" for item in random.choice(60, 6, replace=False)), user=f"{user}")
            for user in range(80)
        )
    ).purchases
    whole = starting_vectors(purchases, purchases.vocabulary_size, 5, seed=1)
    monkeypatch.setattr(factors, "DENSE", 0)
    iterated = starting_vectors(purchases, purchases.vocabulary_size, 5, seed=1)
    # Which way an axis points is nobody's choice; what vectors say is in their products.
    one, other = (vectors[FIRST_ITEM:] @ vectors[FIRST_ITEM:].T for vectors in (whole, iterated))
    np.testing.assert_allclose(one, other, atol=1e-4)


def test_where_all_groups_are_alike_no_item_is_loud_and_none_is_mute() -> None:
    """As many groups as this have more to say than the vectors have room for: some come first by chance."""
    n_groups, width = 150, 8
    purchases = history_of(
        *(
            bought(f"{user}", user, *(f"{user % n_groups}-{n}" for n in range(3)), user=f"{user}")
            for user in range(2 * n_groups)
        )
    ).purchases
    vectors = starting_vectors(purchases, purchases.vocabulary_size, width, seed=1)[FIRST_ITEM:]
    size = np.sqrt(np.mean(vectors**2, axis=1))
    assert size.max() < LONGEST * 1.01
    assert size.min() > DRAWN / 4


def test_who_buys_nearly_everything_and_who_is_beyond_the_limit_of_pairs_are_not_counted(
    purchases: Purchases, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted() -> int:
        return int(companionship(purchases, purchases.vocabulary_size, np.random.default_rng(1)).nnz)

    assert counted() > 0
    with monkeypatch.context() as limited:
        limited.setattr(companions, "MOST_ITEMS", 2)
        assert counted() == 0
    # Room for two users of three items each: at most two triangles, seen from both sides.
    monkeypatch.setattr(companions, "MOST_PAIRS", 18)
    assert 0 < counted() <= 12


def test_the_model_of_the_next_line_starts_from_them(purchases: Purchases, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_fit, "train", lambda *_: ())
    settings = LineTraining(embedding=4, state=8, seed=3)
    untaught = line_fit.fit_lines(purchases, settings, Silent())
    expected = starting_vectors(purchases, purchases.vocabulary_size, settings.embedding, settings.seed)
    np.testing.assert_array_equal(np.asarray(untaught.model.items.embeddings), expected)


def test_a_model_starts_from_what_came_before_the_examples_that_it_is_watched_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    purchases = history_of(
        *(
            bought(f"{user}-{n}", n * 7 + user / 60, "tea", "milk", user=f"{user}")
            for user in range(60)
            for n in range(5)
        )
    ).purchases
    started_from: list[int] = []

    def spied(past: Purchases, vocabulary_size: int, width: int, seed: int) -> Float32s:
        started_from.append(len(past))
        return starting_vectors(past, vocabulary_size, width, seed)

    monkeypatch.setattr(task, "starting_vectors", spied)
    steps = Timings(Silent(), {})
    learn(purchases, TrainerSettings(epochs=1, most_epochs=2), steps)
    assert steps.done[0].step == HOW
    examples = order_examples(purchases)
    n_watched = int(len(examples) * WATCHED_SHARE)
    first_watched = int(examples.moments.before[-n_watched])
    assert started_from == [first_watched, len(purchases)]
