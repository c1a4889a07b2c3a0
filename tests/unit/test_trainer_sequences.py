import numpy as np
import pytest

from serving.features import INPUT_NAMES
from streams.contract.messages import Purchase
from tests.unit.test_trainer_history import at, bought, history_of
from trainer.sequences import MAX_TARGETS, Examples, examples, split_by_time


def some_shop(n_users: int = 7, n_orders: int = 6) -> Examples:
    random = np.random.default_rng(3)
    orders = [
        bought(f"{user}-{n}", float(n * 10 + random.random() * 5), *_basket(random), user=f"user {user}")
        for user in range(n_users)
        for n in range(n_orders)
    ]
    return examples(history_of(*orders))


def _basket(random: np.random.Generator) -> list[str]:
    return [f"item {number}" for number in random.integers(0, 30, random.integers(1, 6))]


def names(found: Examples, row: int) -> tuple[list[str], list[str]]:
    """What an example sees, and what it is asked for."""
    item_id = found.history.vocabulary.item_id
    seen, wanted = found.inputs()["item_index"][row], found.targets[row]
    return [item_id(index) for index in seen if index], [item_id(index) for index in wanted if index]


def test_each_order_from_the_second_on_is_predicted_from_those_before_it() -> None:
    found = examples(history_of(bought("1", 0, "a", "b"), bought("2", 3, "b"), bought("3", 9, "c", "a")))
    assert [names(found, row) for row in range(len(found))] == [
        (["a", "b"], ["b"]),
        (["a", "b", "b"], ["a", "c"]),
    ]


def test_customers_with_one_order_teach_nothing_and_no_one_sees_anothers_lines() -> None:
    found = examples(
        history_of(
            bought("1", 0, "x", user="once"), bought("2", 0, "a", user="twice"), bought("3", 1, "b", user="twice")
        )
    )
    assert [names(found, row) for row in range(len(found))] == [(["a"], ["b"])]


def test_an_item_that_stands_twice_in_an_order_is_asked_for_once() -> None:
    found = examples(history_of(bought("1", 0, "a"), bought("2", 1, "b", "c", "b")))
    assert names(found, 0)[1] == ["b", "c"]


def test_an_order_larger_than_the_target_is_cut() -> None:
    found = examples(history_of(bought("1", 0, "a"), bought("2", 1, *(f"i{n}" for n in range(300)))))
    assert (found.targets[0] > 0).sum() == MAX_TARGETS


def test_an_example_is_looked_at_from_the_moment_of_the_order_before() -> None:
    found = examples(history_of(bought("1", 0, "a"), bought("2", 100, "b"), bought("3", 300, "c")))
    assert found.as_of.tolist() == [int(at(day).timestamp()) for day in (0, 100)]
    assert found.bought_at.tolist() == [int(at(day).timestamp()) for day in (100, 300)]
    assert found.inputs()["recency_bucket"][1, -2:].tolist() == [28, 1]


def test_no_example_that_is_learnt_from_sees_or_predicts_anything_of_the_held_out_days() -> None:
    split = split_by_time(some_shop(), holdout_days=12)
    bought_at = split.all.history.lines.bought_at
    assert len(split.learn)
    assert len(split.held_out)
    assert len(split.learn) + len(split.held_out) == len(split.all)
    assert (split.learn.bought_at < split.at).all()
    assert max(bought_at[split.learn.ends - 1]) < split.at
    assert (split.held_out.bought_at >= split.at).all()


def test_every_line_that_an_example_sees_was_bought_before_what_it_predicts() -> None:
    found = some_shop()
    bought_at = found.history.lines.bought_at
    for start, end, then in zip(found.starts, found.ends, found.bought_at, strict=True):
        assert (bought_at[start:end] < then).all()


def test_of_a_short_log_at_most_the_newest_quarter_is_held_out() -> None:
    days = [float(day) for day in range(9)]
    orders: list[Purchase] = [bought(str(day), day, "a") for day in days]
    assert split_by_time(examples(history_of(*orders)), holdout_days=365).at == int(at(6).timestamp())


@pytest.mark.parametrize("chosen", [slice(2, 5), np.array([2, 3, 4])])
def test_chosen_rows_are_the_same_examples(chosen: slice) -> None:
    found = some_shop()
    part = found.rows(chosen)
    for name in INPUT_NAMES:
        np.testing.assert_array_equal(part.inputs()[name], found.inputs()[name][2:5])
    np.testing.assert_array_equal(part.targets, found.targets[2:5])
