import numpy as np
import pytest

from serving.candidates import Candidates
from serving.features import DAY_S, LineColumns, ModelInputs
from serving.what_if import USUAL_INTERVAL_S, bought_together, next_orders, usual_interval


class Remembering:
    """Answers with the items after the newest one, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ModelInputs] = []

    def __call__(self, inputs: ModelInputs) -> Candidates:
        self.asked.append(inputs)
        items = (inputs["item_index"][:, -1:] + np.arange(1, 4)).astype(np.int32)
        return Candidates(items, np.ones(items.shape, np.float32), np.full_like(items, -1))

    def lines(self, question: int, name: str) -> list[float]:
        row = self.asked[question]["item_index"][0] > 0
        found: list[float] = self.asked[question][name][0][row].tolist()
        return found


@pytest.fixture
def history() -> LineColumns:
    """Three orders, ten days apart, the newest with two lines."""
    days = np.array([0, 10, 20, 20]) * DAY_S
    order = np.array([0, 1, 2, 2], np.int32)
    return LineColumns(np.array([2, 3, 4, 5], np.int32), days, order, np.ones(4, np.float32))


def test_what_goes_with_an_item_is_asked_as_by_somebody_who_has_just_bought_it_alone() -> None:
    answer = Remembering()
    found = bought_together(answer, np.array([7, 9], np.int32))
    assert found.item_index.tolist() == [[8, 9, 10], [10, 11, 12]]
    (asked,) = answer.asked
    assert [row[row > 0].tolist() for row in asked["item_index"]] == [[7], [9]]
    assert asked["orders_ago"][:, -1].tolist() == [1, 1]
    assert not asked["days_ago"].any()


def test_each_next_order_is_asked_for_as_if_those_before_it_had_come_true(history: LineColumns) -> None:
    answer = Remembering()
    orders = next_orders(answer, history, n_orders=2, size=2)
    assert [order.tolist() for order in orders] == [[6, 7], [8, 9]]
    assert answer.lines(0, "days_ago") == [30, 20, 10, 10]
    assert answer.lines(1, "item_index") == [2, 3, 4, 5, 6, 7]
    assert answer.lines(1, "days_ago") == [40, 30, 20, 20, 10, 10]
    assert answer.lines(1, "orders_ago") == [4, 3, 2, 2, 1, 1]


def test_asking_ahead_changes_nothing_of_the_history(history: LineColumns) -> None:
    before = [column.copy() for column in history]
    next_orders(Remembering(), history, n_orders=3, size=3)
    for column, kept in zip(history, before, strict=True):
        np.testing.assert_array_equal(column, kept)


def test_the_usual_interval_is_the_mean_or_four_weeks_where_there_is_one_order(history: LineColumns) -> None:
    assert usual_interval(history) == 10 * DAY_S
    one = history.chosen(slice(2, None))
    assert usual_interval(one) == USUAL_INTERVAL_S
