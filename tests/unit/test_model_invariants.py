"""What holds for every model, whatever it learns.

Asked are the models of a quick backtest, and networks learn for a few steps only: what must hold does so from the
first one on. The other models are the same classes in sizes that take too long for a test.
"""

from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import tensorflow

from serving.features import FIRST_ITEM
from tests import shops
from trainer.backtest.answers import answers
from trainer.backtest.held_out import hold_out
from trainer.backtest.questions import lines, next_month
from trainer.backtest.questions.setting import Setting
from trainer.models import registry
from trainer.models.model import Grain, Model, Probabilistic, Ranker
from trainer.models.registry import ENTRIES, Effort
from trainer.models.schedule import Schedule
from trainer.progress import Silent
from trainer.purchases import Moments, Purchases

# What is said here of reading data is known, and does not matter.
pytestmark = pytest.mark.filterwarnings("ignore:Even though the .*run_functions_eagerly:UserWarning")

SEED = 3
NOBODY = 10_000
"""Number of a user who has never bought."""
MODELS = registry.names(Effort.QUICK)
A_MOMENT = Schedule(epochs=1, steps=5)
HARDLY_LEARNT = {
    name: {"schedule": A_MOMENT}
    for name in ("transaction-lstm-user", "lstm-recency-attention", "autoencoder", "soft-split")
}


@cache
def setting() -> Setting:
    """A small shop in which one item is sold for the first time after the split, and often."""
    purchases = shops.favourites(n_users=24, n_items=30, days=80).purchases
    held_out = hold_out(purchases)
    item = purchases.item.copy()
    item[held_out.start :: 3] = purchases.vocabulary_size
    later = replace(purchases, item=item, item_ids=(*purchases.item_ids, "planted"))
    held_out = hold_out(later, held_out.split_at, held_out.until)
    return Setting(held_out, held_out)


def fit(name: str, grain: Grain, past: Purchases) -> Ranker:
    entry = ENTRIES[name]
    settings = {**(entry.quick or {}), **HARDLY_LEARNT.get(name, {}), **({"seed": SEED} if entry.is_seeded else {})}
    model: Model = registry.constructor(name)(**settings)
    return model.fit(past, grain, Silent())


@cache
def fresh(name: str, grain: Grain) -> Ranker:
    """Fit once for all tests that change nothing about it."""
    return fit(name, grain, setting().held_out.past)


@cache
def second(name: str, grain: Grain) -> Ranker:
    """Fit on the same; the last test that asks it lets it observe, as fitting takes networks long."""
    return fit(name, grain, setting().held_out.past)


def moments(grain: Grain, purchases: Purchases | None = None) -> Moments:
    """All users at one moment after the split, and one who has never bought; at line grain some with an open order."""
    whole = purchases or setting().held_out.purchases
    start = setting().held_out.start
    at = start + 40 if grain is Grain.LINE else start
    user = np.append(np.arange(24), NOBODY).astype(np.int32)
    before = np.full(len(user), at)
    newest = int(whole.order_starts[np.searchsorted(whole.order_starts, at, side="left") - 1])
    is_open = (user == whole.user[newest]) & (grain is Grain.LINE)
    return Moments(whole, user, before, np.full(len(user), whole.at[at]), np.where(is_open, newest, before))


def every_model_and_grain() -> pytest.MarkDecorator:
    cases = [pytest.param(name, grain, id=f"{name}-{grain}") for name in MODELS for grain in Grain]
    return pytest.mark.parametrize(("name", "grain"), cases)


@pytest.fixture(scope="module", autouse=True)
def _without_graphs() -> Iterator[None]:
    """To make a graph takes longer than the few steps that it would be used for."""
    tensorflow.config.run_functions_eagerly(True)
    yield
    tensorflow.config.run_functions_eagerly(False)


@every_model_and_grain()
def test_every_item_of_the_past_gets_a_finite_score_at_every_moment(name: str, grain: Grain) -> None:
    scores = fresh(name, grain).scores(moments(grain))
    assert scores.shape == (25, setting().held_out.past.vocabulary_size)
    assert np.isfinite(scores[:, FIRST_ITEM:]).all()


@every_model_and_grain()
def test_who_has_never_bought_is_answered(name: str, grain: Grain) -> None:
    scores = fresh(name, grain).scores(moments(grain).rows(slice(24, 25)))
    assert np.isfinite(scores[:, FIRST_ITEM:]).all()


@every_model_and_grain()
def test_what_happens_later_does_not_change_a_score(name: str, grain: Grain) -> None:
    purchases, visible = setting().held_out.purchases, int(moments(grain).before[0])
    random = np.random.default_rng(0)
    n_later = len(purchases) - visible
    garbage = replace(
        purchases,
        user=np.append(purchases.user[:visible], random.permutation(purchases.user[visible:])),
        item=np.append(purchases.item[:visible], random.integers(FIRST_ITEM, 32, n_later)).astype(np.int32),
        quantity=np.append(purchases.quantity[:visible], random.random(n_later)).astype(np.float32),
        price=np.append(purchases.price[:visible], np.full(n_later, np.nan)).astype(np.float32),
    )
    ranker = fresh(name, grain)
    as_it_was = ranker.scores(moments(grain))
    np.testing.assert_allclose(
        ranker.scores(moments(grain, garbage))[:, FIRST_ITEM:], as_it_was[:, FIRST_ITEM:], rtol=1e-4, atol=1e-5
    )


@every_model_and_grain()
def test_a_moment_is_answered_alike_alone_and_among_others(name: str, grain: Grain) -> None:
    ranker, asked = fresh(name, grain), moments(grain)
    together = ranker.scores(asked)
    alone = ranker.scores(asked.rows(slice(7, 8)))
    np.testing.assert_allclose(alone[0, FIRST_ITEM:], together[7, FIRST_ITEM:], rtol=1e-3, atol=1e-4)


@every_model_and_grain()
def test_the_same_past_and_seed_give_the_same_scores(name: str, grain: Grain) -> None:
    again = second(name, grain).scores(moments(grain))
    np.testing.assert_array_equal(again[:, FIRST_ITEM:], fresh(name, grain).scores(moments(grain))[:, FIRST_ITEM:])


@every_model_and_grain()
def test_what_is_new_in_the_stream_can_be_observed_and_is_never_listed(name: str, grain: Grain) -> None:
    walk = lines.observed(setting()) if grain is Grain.LINE else next_month.walk(setting())
    held_out, ranker = setting().held_out, second(name, grain)
    if not walk.is_observed:
        ranker.observe(held_out.purchases, held_out.start, held_out.end)
    (given,) = answers(ranker, [walk], lambda parts: None)
    planted = held_out.purchases.vocabulary_size - 1
    assert planted in walk.truths.item
    assert planted not in given.lists


@pytest.mark.parametrize("name", MODELS)
def test_a_shop_without_times_prices_and_quantities_is_answered(name: str) -> None:
    known = setting().held_out.purchases
    bare = replace(
        known,
        at=np.arange(len(known)),
        quantity=np.ones(len(known), np.float32),
        price=np.full(len(known), np.nan, np.float32),
        is_timed=False,
    )
    past = bare.before(setting().held_out.start)
    scores = fit(name, Grain.ORDER, past).scores(moments(Grain.ORDER, bare))
    assert np.isfinite(scores[:, FIRST_ITEM:]).all()


@every_model_and_grain()
def test_probabilities_lie_between_none_and_certainty(name: str, grain: Grain) -> None:
    ranker = fresh(name, grain)
    if not isinstance(ranker, Probabilistic):
        pytest.skip("gives scores alone")
    probabilities = ranker.probabilities(ranker.scores(moments(grain)))[:, FIRST_ITEM:]
    assert (probabilities >= 0).all()
    assert (probabilities <= 1).all()


@pytest.mark.parametrize("name", ["transaction-lstm-user", "lstm-recency-attention"])
def test_the_probabilities_of_the_one_next_line_add_up_to_one(name: str) -> None:
    ranker = fresh(name, Grain.LINE)
    assert isinstance(ranker, Probabilistic)
    np.testing.assert_allclose(ranker.probabilities(ranker.scores(moments(Grain.LINE))).sum(axis=1), 1, rtol=1e-4)
    assert not isinstance(fresh(name, Grain.ORDER), Probabilistic), "an order has more than one item"


@pytest.mark.parametrize("name", ENTRIES)
def test_a_model_goes_by_the_name_that_it_is_registered_under(name: str) -> None:
    assert registry.create(name).name == name


def test_a_quick_backtest_leaves_out_models_without_quick_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ENTRIES, "slow", registry.Entry("popularity:Popularity", quick=None))
    assert "slow" not in registry.names(Effort.QUICK)
    assert "slow" in registry.names(Effort.FULL)
