"""Whatever the served model answers, it is fit, exported and judged in one way."""

import numpy as np
import pytest

from serving.candidates import difference
from serving.features import OPEN_ORDER, ModelInputs
from tests.eagerly import without_graphs
from tests.shops import markov
from tests.unit.test_next_line import purchases_of
from trainer import faithfulness
from trainer.export import export, run_onnx
from trainer.models.model import Grain
from trainer.next_purchase import grains
from trainer.next_purchase.examples import Examples, inputs_of, order_examples, visible_lines
from trainer.next_purchase.grains import STEPS_PER_EPOCH, Fitted, asked, fit, fit_again, line_training, sizes, suiting
from trainer.progress import Silent
from trainer.purchases import Moments, Purchases
from trainer.settings import TrainerSettings

SETTINGS = TrainerSettings(epochs=1, most_epochs=1)


def orders_of_lines(n_users: int = 30, n_orders: int = 6) -> Purchases:
    """Every week each user buys a few of the same items."""
    random = np.random.default_rng(3)
    items = [user % 7 + np.sort(random.choice(9, 5, replace=False)) for _ in range(n_orders) for user in range(n_users)]
    return purchases_of(items, np.tile(np.arange(n_users), n_orders), np.repeat(7 * np.arange(n_orders), n_users))


SHOPS = {Grain.ORDER: orders_of_lines(), Grain.LINE: markov(n_users=60).purchases}


def late(shop: Purchases, grain: Grain) -> Moments:
    """When the newest orders are asked about."""
    return asked(order_examples(shop).rows(slice(-40, None)), grain)


@pytest.fixture(scope="module", params=Grain)
def grain(request: pytest.FixtureRequest) -> Grain:
    return Grain(request.param)


@pytest.fixture(scope="module")
def shop(grain: Grain) -> Purchases:
    return SHOPS[grain]


@pytest.fixture(scope="module")
@without_graphs()
def fitted(shop: Purchases, grain: Grain) -> Fitted:
    with pytest.MonkeyPatch.context() as few_steps:
        few_steps.setattr(grains, "STEPS_PER_EPOCH", 2)
        return fit(shop, grain, SETTINGS, Silent())


@pytest.fixture(scope="module")
def inputs(shop: Purchases, grain: Grain) -> ModelInputs:
    return inputs_of(visible_lines(shop), late(shop, grain), shop.vocabulary_size)


def test_a_shop_of_single_lines_is_asked_about_the_next_line_and_others_about_the_next_order() -> None:
    assert {grain: suiting(shop) for grain, shop in SHOPS.items()} == {grain: grain for grain in Grain}


def test_the_exported_graph_answers_golden_inputs_as_trained(fitted: Fitted, inputs: ModelInputs) -> None:
    exported = export(fitted.model, inputs, 8)
    found = run_onnx(exported.onnx, exported.golden.inputs)
    assert found.fault(40) == ""
    assert difference(exported.golden.answers, found) == ""
    logits = np.asarray(fitted.model.logits({name: values[:1] for name, values in inputs.items()}))[0]
    probabilities = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    np.testing.assert_allclose(found.score[0], np.sort(probabilities)[::-1][:8], rtol=1e-3)


@without_graphs()
def test_reasons_are_judged_at_either_grain(fitted: Fitted, inputs: ModelInputs) -> None:
    reasons = faithfulness.of_model(fitted.model, inputs, top=2)
    assert sum(kind.n for kind in reasons.values()) > 40
    assert all(np.isfinite([kind.named_drop, kind.other_drop]).all() for kind in reasons.values())


@without_graphs()
def test_from_a_longer_past_a_model_learns_as_often_as_before(shop: Purchases, fitted: Fitted) -> None:
    others = TrainerSettings(epochs=fitted.epochs + 1, most_epochs=fitted.epochs + 1)
    again = fit_again(shop, others, Silent(), fitted)
    assert again.epochs == fitted.epochs
    assert again.model is not fitted.model


def test_settings_limit_how_often_lines_are_learnt_from_and_a_number_that_is_given_is_kept() -> None:
    limited = line_training(TrainerSettings(most_epochs=2, seed=3))
    assert (limited.epochs, limited.min_steps, limited.seed) == (2, 2 * STEPS_PER_EPOCH, 3)
    given = line_training(TrainerSettings(most_epochs=2), epochs=9)
    assert (given.epochs, given.min_steps) == (9, 1)


def test_orders_are_asked_about_as_a_whole_and_lines_in_the_middle_of_their_order() -> None:
    shop = SHOPS[Grain.ORDER]
    examples: Examples = order_examples(shop)
    assert asked(examples, Grain.ORDER) is examples.moments
    within = asked(examples, Grain.LINE)
    n = sizes(examples.moments)
    np.testing.assert_array_equal(within.before - within.open_from, n // 2)
    opened = (inputs_of(visible_lines(shop), within, shop.vocabulary_size)["orders_ago"] == OPEN_ORDER).sum(axis=1)
    padding = (inputs_of(visible_lines(shop), within, shop.vocabulary_size)["item_index"] == 0).sum(axis=1)
    np.testing.assert_array_equal(opened - padding, n // 2)
