import math

import numpy as np
import pytest

from serving.features import Int32s
from tests.unit.test_trainer_history import bought, history_of
from trainer import holdout
from trainer.sequences import Examples, examples


def ints(*rows: list[int]) -> Int32s:
    return np.array(rows, np.int32)


def ranked(found: Examples, top: Int32s) -> list[list[str]]:
    return [[found.history.vocabulary.item_id(index) for index in row] for row in top]


@pytest.fixture
def shop() -> Examples:
    """One user likes b; c is what all the others buy."""
    others = [bought(f"o{n}", n, "c", user=f"other {n}") for n in range(5)]
    return examples(history_of(*others, bought("1", 0, "b", "d"), bought("2", 1, "b", "a"), bought("3", 2, "b")))


def test_a_hit_is_any_target_among_the_best() -> None:
    top = ints([5, 6], [7, 8], [9, 4])
    targets = ints([6, 0, 0], [5, 6, 0], [4, 9, 0])
    assert holdout.hit_rate(top, targets) == pytest.approx(2 / 3)
    assert holdout.hit_rate(top[:, :1], targets) == pytest.approx(1 / 3)


def test_ndcg_is_one_for_the_best_list_and_falls_with_the_rank() -> None:
    assert holdout.ndcg(ints([5, 6, 7]), ints([7, 5, 6, 0])) == pytest.approx(1)
    assert holdout.ndcg(ints([5, 6, 7]), ints([7, 0, 0, 0])) == pytest.approx(1 / math.log2(4))
    assert holdout.ndcg(ints([5, 6, 7]), ints([8, 0, 0, 0])) == 0


def test_own_frequency_ranks_by_habit_and_breaks_ties_by_popularity(shop: Examples) -> None:
    bought_by_all = holdout.popularity(shop.history)
    top = holdout.by_own_frequency(shop, bought_by_all, 3)
    assert ranked(shop, top)[0] == ["b", "d", "c"]


def test_popularity_ranks_the_same_for_everyone(shop: Examples) -> None:
    top = holdout.by_popularity(shop, holdout.popularity(shop.history), 2)
    assert ranked(shop, top) == [["c", "b"], ["c", "b"]]


def test_popularity_knows_nothing_of_what_comes_after_its_moment(shop: Examples) -> None:
    moment = int(shop.bought_at.min())
    before = holdout.popularity(shop.history, moment)
    assert before.sum() == (shop.history.lines.bought_at < moment).sum()
    assert before.sum() < len(shop.history.user)
