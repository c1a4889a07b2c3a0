"""Each part of the model at order grain can be left out, and then has no say."""

from typing import NamedTuple

import keras
import numpy as np
import pytest

from serving.features import FIRST_ITEM, Float32s, ModelInputs
from tests import small_model
from tests.shops import favourites
from trainer.errors import GrainUnsupported
from trainer.models import registry
from trainer.models.model import Grain
from trainer.models.registry import Effort
from trainer.next_purchase.architecture import ALL_PARTS, Architecture, Parts
from trainer.next_purchase.facts import N_FACTS
from trainer.next_purchase.network import FirstStage, NextPurchaseModel, Tables
from trainer.progress import Silent

N_ITEMS, N_BOUGHT = 30, 10
"""Users have bought the first items alone."""
V = FIRST_ITEM + N_ITEMS
UNBOUGHT = slice(FIRST_ITEM + N_BOUGHT, None)


class Told(NamedTuple):
    """What a model that has learnt nothing yet says of two users: [2, V] each."""

    of_a_calm_day: Float32s
    of_a_busy_day: Float32s
    """When other items are in demand."""


def told(parts: Parts) -> Told:
    keras.utils.set_random_seed(1)
    calm, busy = np.random.default_rng(1).normal(size=(2, V, N_FACTS)).astype(np.float32)
    busy[:, -2:] = calm[:, -2:]  # the popularity of all time, and how often an item is bought again
    model = NextPurchaseModel(FirstStage(Architecture(V, parts=parts), Tables(calm, np.ones(V, np.float32))))
    return Told(answer(model), answer(model, busy))


def answer(model: NextPurchaseModel, facts: Float32s | None = None) -> Float32s:
    inputs: ModelInputs = small_model.random_inputs(rows=2, n_items=N_BOUGHT)
    known = model.with_facts({name: keras.ops.convert_to_tensor(values) for name, values in inputs.items()})
    if facts is not None:
        model.first.facts.assign(facts[None])
        known = model.with_facts(known)
    return np.asarray(model(known))


def spread(logits: Float32s) -> float:
    """How much users differ."""
    return float(np.abs(logits[0] - logits[1]).max())


def test_with_all_parts_users_and_days_differ() -> None:
    calm, busy = told(ALL_PARTS)
    assert spread(calm[:, UNBOUGHT]) > 1e-3
    assert np.abs(calm - busy)[:, UNBOUGHT].max() > 1e-3


def test_without_the_lstm_all_users_have_the_same_taste_for_what_they_have_not_bought() -> None:
    calm = told(ALL_PARTS._replace(lstm=False)).of_a_calm_day
    assert spread(calm[:, UNBOUGHT]) == 0
    assert spread(calm[:, FIRST_ITEM:]) > 1e-3


def test_without_the_repeat_head_and_the_lstm_nothing_tells_users_apart() -> None:
    assert spread(told(Parts(lstm=False, repeat=False)).of_a_calm_day) == 0


def test_without_trends_a_busy_day_is_like_any_other_for_what_was_not_bought() -> None:
    calm, busy = told(ALL_PARTS._replace(trends=False))
    np.testing.assert_array_equal(calm[:, UNBOUGHT], busy[:, UNBOUGHT])


@pytest.mark.parametrize("part", Parts._fields)
def test_a_model_without_a_part_is_asked_only_when_it_is_named_and_about_orders(part: str) -> None:
    name = f"next-purchase-without-{part}"
    model = registry.create(name)
    assert model.name == name
    assert name not in registry.names(Effort.FULL)
    with pytest.raises(GrainUnsupported, match="choose a question about orders"):
        model.fit(favourites(n_users=5, days=30).purchases, Grain.LINE, Silent())
