import numpy as np
import pytest

from serving.features import INPUT_TYPES, ModelInputs
from streams.contract.messages import Event
from tests.shops import favourites, without_times
from tests.unit.test_trainer_history import at, bought, history_of
from trainer.next_purchase.batches import Batches, training_inputs
from trainer.next_purchase.examples import MAX_TARGETS, Examples, inputs_of, order_examples, visible_lines
from trainer.next_purchase.facts import LINE_FACTS, Ledger
from trainer.purchases import Purchases


def shop_of(*events: Event) -> Purchases:
    return history_of(*events).purchases


def some_shop() -> Purchases:
    return favourites(n_users=12, days=60).purchases


def inputs(examples: Examples) -> ModelInputs:
    purchases = examples.moments.purchases
    return inputs_of(visible_lines(purchases), examples.moments, purchases.vocabulary_size)


def names(examples: Examples, row: int) -> tuple[list[str], list[str]]:
    """What an example sees, and what it is asked for."""
    item_ids = examples.moments.purchases.item_ids
    seen, wanted = inputs(examples)["item_index"][row], examples.targets[row]
    return [item_ids[index - 2] for index in seen if index], sorted(item_ids[index - 2] for index in wanted if index)


def test_each_order_from_the_second_on_is_predicted_from_those_before_it() -> None:
    found = order_examples(shop_of(bought("1", 0, "a", "b"), bought("2", 3, "b"), bought("3", 9, "c", "a")))
    assert [names(found, row) for row in range(len(found))] == [
        (["a", "b"], ["b"]),
        (["a", "b", "b"], ["a", "c"]),
    ]


def test_of_many_examples_the_newest_can_be_taken() -> None:
    found = order_examples(some_shop())
    newest = found.newest(10)
    assert len(newest) == 10
    assert newest.moments.as_of.min() >= found.rows(slice(0, -10)).moments.as_of.max()
    assert len(found.newest(len(found) + 1)) == len(found)


def test_customers_with_one_order_teach_nothing_and_no_one_sees_anothers_lines() -> None:
    found = order_examples(
        shop_of(bought("1", 0, "x", user="once"), bought("2", 0, "a", user="twice"), bought("3", 1, "b", user="twice"))
    )
    assert [names(found, row) for row in range(len(found))] == [(["a"], ["b"])]


def test_an_item_that_stands_twice_in_an_order_is_asked_for_once() -> None:
    found = order_examples(shop_of(bought("1", 0, "a"), bought("2", 1, "b", "c", "b")))
    assert names(found, 0)[1] == ["b", "c"]


def test_an_order_larger_than_the_target_is_cut() -> None:
    found = order_examples(shop_of(bought("1", 0, "a"), bought("2", 1, *(f"i{n}" for n in range(300)))))
    assert (found.targets[0] > 0).sum() == MAX_TARGETS


@pytest.mark.parametrize(("away", "day"), [(0.0, 0), (0.5, 50), (1.0, 100)])
def test_an_example_can_be_asked_right_after_the_order_before_on_the_visit_or_in_between(away: float, day: int) -> None:
    found = order_examples(shop_of(bought("1", 0, "a"), bought("2", 100, "b")))
    asked = found.asked(np.array([away]))
    assert asked.as_of.tolist() == [int(at(day).timestamp())]
    lines = visible_lines(asked.purchases)
    assert inputs_of(lines, asked, 9)["days_ago"][0, -1] == day


def test_every_line_that_an_example_sees_was_bought_before_what_it_predicts() -> None:
    found = order_examples(some_shop())
    for row in range(len(found)):
        assert (found.moments.purchases.at[found.moments.history(row)] < found.moments.as_of[row]).all()


def test_without_times_orders_count_as_a_week_apart() -> None:
    shop = without_times(favourites(n_users=12, days=60)).purchases
    found = inputs(order_examples(shop))
    present = found["item_index"] > 0
    np.testing.assert_array_equal(found["days_ago"][present], 7 * found["orders_ago"][present])


def test_an_item_newer_than_the_model_is_unknown_to_it() -> None:
    found = order_examples(shop_of(bought("1", 0, "a", "b", "c"), bought("2", 1, "a")))
    assert inputs_of(visible_lines(found.moments.purchases), found.moments, 4)["item_index"][0, -3:].tolist() == [
        2,
        3,
        1,
    ]


def test_an_epoch_holds_each_example_once_and_the_next_one_asks_in_another_order() -> None:
    purchases = some_shop()
    examples = order_examples(purchases)
    batches = Batches(examples, Ledger(purchases, purchases.vocabulary_size).facts(), 16, seed=1)
    epochs = [np.concatenate([targets for _, targets, _ in batches]) for _ in range(2)]
    assert len(batches) == -(-len(examples) // 16)
    assert not np.array_equal(epochs[0], epochs[1])
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(epoch, axis=0), np.sort(examples.targets, axis=0))


def test_newer_examples_count_more_and_all_of_them_one_on_average() -> None:
    examples = order_examples(some_shop())
    weights, at = examples.weights, examples.moments.as_of
    assert weights.mean() == pytest.approx(1)
    assert np.array_equal(np.argsort(weights, kind="stable"), np.argsort(at, kind="stable"))
    assert weights.max() / weights.min() == pytest.approx(8, rel=1e-4)


def test_a_batch_says_how_much_each_of_its_examples_counts() -> None:
    purchases = some_shop()
    examples = order_examples(purchases)
    batches = Batches(examples, Ledger(purchases, purchases.vocabulary_size).facts(), 16, seed=1)
    counted = np.concatenate([weights for _, _, weights in batches])
    np.testing.assert_array_equal(np.sort(counted), np.sort(examples.weights))


def test_where_nobody_came_back_there_is_nothing_to_weigh() -> None:
    assert len(order_examples(shop_of(bought("1", 0, "a"))).weights) == 0


def test_the_same_seed_asks_the_same() -> None:
    purchases = some_shop()
    facts = Ledger(purchases, purchases.vocabulary_size).facts()
    one, other = (next(iter(Batches(order_examples(purchases), facts, 16, seed=3))) for _ in range(2))
    for name in INPUT_TYPES:
        np.testing.assert_array_equal(one[0][name], other[0][name])


def test_lines_come_with_the_facts_of_their_items_on_the_day_of_the_question() -> None:
    purchases = some_shop()
    examples = order_examples(purchases)
    facts = Ledger(purchases, purchases.vocabulary_size).facts()
    found = training_inputs(visible_lines(purchases), examples.moments, facts)
    row = len(examples) - 1
    table = facts.tables[facts.at(examples.moments.as_of[row])]
    np.testing.assert_array_equal(found[LINE_FACTS][row], table[found["item_index"][row]])
