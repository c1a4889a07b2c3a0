"""The champion as one of the models of the backtest."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM
from tests.shops import Shop, favourites, without_times
from trainer.models.model import Grain
from trainer.models.next_purchase import NextPurchase
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.order_ranker import NextPurchaseRanker
from trainer.next_purchase.training import Learnt, learn
from trainer.progress import Silent
from trainer.purchases import Float32s, Purchases
from trainer.settings import TrainerSettings

SETTINGS = TrainerSettings(epochs=3, most_epochs=3, batch_size=32, learning_rate=0.01)


@pytest.fixture(scope="module")
def shop() -> Shop:
    return favourites(n_users=25, n_items=40, days=80, noise=0.0)


def halves(purchases: Purchases) -> tuple[Purchases, Examples]:
    """Three quarters to learn from, and the orders after it."""
    position = int(purchases.order_starts[len(purchases.order_starts) * 3 // 4])
    later = order_examples(purchases)
    return purchases.before(position), later.rows(later.moments.before >= position)


@pytest.fixture(scope="module")
def learnt(shop: Shop) -> Learnt:
    return learn(halves(shop.purchases)[0], SETTINGS, Silent())


@pytest.fixture
def ranker(learnt: Learnt) -> NextPurchaseRanker:
    """Has observed nothing yet."""
    return NextPurchaseRanker(learnt)


def hit_rate(scores: Float32s, examples: Examples) -> float:
    best = scores[:, FIRST_ITEM:].argmax(axis=1) + FIRST_ITEM
    return float((best[:, None] == examples.targets).any(axis=1).mean())


def test_it_learns_what_is_due(shop: Shop, ranker: NextPurchaseRanker) -> None:
    past, later = halves(shop.purchases)
    counts = np.stack(
        [np.bincount(past.item[past.user == user], minlength=past.vocabulary_size) for user in later.moments.user]
    )
    assert hit_rate(ranker.scores(later.moments), later) > hit_rate(counts.astype(np.float32), later) + 0.2


def test_a_shop_without_times_is_learnt_from_as_well(shop: Shop) -> None:
    past, later = halves(without_times(shop).purchases)
    popular = np.tile(np.bincount(past.item, minlength=past.vocabulary_size), (len(later), 1)).astype(np.float32)
    ranker = NextPurchase(settings=SETTINGS).fit(past, Grain.ORDER, Silent())
    assert hit_rate(ranker.scores(later.moments), later) > hit_rate(popular, later)


def test_what_happens_later_changes_no_answer_until_it_is_observed(shop: Shop, ranker: NextPurchaseRanker) -> None:
    past, later = halves(shop.purchases)
    moments = later.moments.rows(slice(0, 20))
    before = ranker.scores(moments)
    future = shop.purchases.before(int(moments.before[-1]) + 1)
    known = type(moments)(future, moments.user, moments.before, moments.as_of, moments.open_from)
    np.testing.assert_array_equal(ranker.scores(known), before)
    assert before.shape == (20, past.vocabulary_size)


def test_what_was_observed_counts_from_the_next_day_on(shop: Shop, ranker: NextPurchaseRanker) -> None:
    past, later = halves(shop.purchases)
    last = later.moments.rows(slice(-5, None))
    before = ranker.scores(last)
    ranker.observe(shop.purchases, len(past), int(last.before[0]))
    assert not np.array_equal(ranker.scores(last), before)
