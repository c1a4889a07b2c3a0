"""How to learn is found out on the newest examples."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pytest

from serving.features import Float32s
from tests.shops import favourites
from trainer.models.model import LossCurve
from trainer.next_purchase import manner
from trainer.next_purchase.examples import Examples, order_examples
from trainer.next_purchase.loss import Aim
from trainer.next_purchase.manner import FEWEST_WATCHED, HOW, WATCHED_SHARE, best_manner, clearly_better, precisions
from trainer.next_purchase.task import Manner, Task
from trainer.nightly.timings import Timings
from trainer.progress import Silent
from trainer.settings import TrainerSettings

SHOP = favourites(n_users=60, n_items=90, days=120).purchases
EXAMPLES = order_examples(SHOP)
USUAL = Manner(2)


class Tried(NamedTuple):
    """Stands where a model does, and is told apart by how it has learnt."""

    manner: Manner
    learnt_from: int


Found = Callable[[int], Manner]


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Found:
    """What is found where models that have learnt so often surprise so little, and lists are so good."""
    surprise, quality = request.param

    def fit(_: Task, examples: Examples, manner: Manner, *__: object) -> tuple[Tried, LossCurve]:
        return Tried(manner, len(examples)), LossCurve(())

    def loss(_: Task, model: Tried, examples: Examples) -> float:
        assert model.learnt_from + len(examples) == len(EXAMPLES)
        return float(surprise[model.manner.epochs])

    monkeypatch.setattr(Task, "fit", fit)
    monkeypatch.setattr(Task, "loss", loss)
    monkeypatch.setattr(manner, "precisions", lambda model, _: quality[model.manner.aim])

    def of(most_epochs: int) -> Manner:
        settings = TrainerSettings(epochs=USUAL.epochs, most_epochs=most_epochs)
        return best_manner(Task.of(SHOP, EXAMPLES, settings), EXAMPLES, Silent())

    return of


EVEN_LESS = {2: 3.0, 4: 2.0, 8: 1.0, 16: 0.5}
LESS_AND_MORE = {2: 3.0, 4: 2.0, 8: 2.5}
OF_ORDERS = np.array([0.0, 0.2, 0.4] * 20)
NO_BETTER = {Aim.ANY: OF_ORDERS, Aim.MANY: OF_ORDERS}
BETTER = {Aim.ANY: OF_ORDERS, Aim.MANY: OF_ORDERS + 0.2}


@pytest.mark.parametrize("found", [(LESS_AND_MORE, NO_BETTER)], indirect=True)
def test_it_is_learnt_twice_as_often_as_long_as_that_surprises_less(found: Found) -> None:
    assert found(24) == Manner(4)


@pytest.mark.parametrize("found", [(EVEN_LESS, NO_BETTER)], indirect=True)
def test_and_not_more_often_than_settings_allow(found: Found) -> None:
    assert found(15) == Manner(8)


@pytest.mark.parametrize("found", [(LESS_AND_MORE, BETTER)], indirect=True)
def test_the_aim_is_to_find_many_items_where_lists_then_hold_more(found: Found) -> None:
    assert found(24) == Manner(4, Aim.MANY)


@pytest.mark.parametrize("found", [(EVEN_LESS, BETTER)], indirect=True)
def test_where_settings_leave_no_choice_nothing_is_tried(found: Found) -> None:
    assert found(2 * USUAL.epochs - 1) == USUAL


def test_too_few_orders_tell_nothing() -> None:
    few = EXAMPLES.newest(int((FEWEST_WATCHED - 1) / WATCHED_SHARE))
    steps = Timings(Silent(), {})
    settings = TrainerSettings(epochs=USUAL.epochs)
    assert best_manner(Task.of(SHOP, few, settings), few, steps) == USUAL
    assert HOW not in [step.step for step in steps.done]


@pytest.mark.parametrize(("lead", "clear"), [(0.02, False), (0.1, True), (-0.1, False)])
def test_better_by_chance_is_not_clearly_better(lead: float, clear: bool) -> None:
    others, chance = np.tile(OF_ORDERS, 2), np.tile([0.2, -0.2], len(OF_ORDERS))
    assert clearly_better(others + lead + chance, others) is clear
    assert not clearly_better(others, others)


@pytest.mark.parametrize("best_first", [True, False])
def test_precision_is_that_of_the_list_for_each_order(best_first: bool) -> None:
    batches = Task.of(SHOP, EXAMPLES, TrainerSettings()).batches(EXAMPLES)
    asked = [targets for _, targets, _ in Task.of(SHOP, EXAMPLES, TrainerSettings()).batches(EXAMPLES)]
    bought = iter(asked)

    def model(_: object) -> Float32s:
        """Knows what is in every order, and puts it first or last."""
        targets = next(bought)
        logits = np.zeros((len(targets), SHOP.vocabulary_size), np.float32)
        np.put_along_axis(logits, targets, 1 if best_first else -1, axis=1)
        return logits

    n_bought = (np.concatenate(asked) > 0).sum(axis=1)
    expected = np.minimum(n_bought, 5) / 5 if best_first else np.zeros(len(EXAMPLES))
    np.testing.assert_allclose(precisions(model, batches), expected)
