"""Metrics against figures worked out by hand, and against each other."""

from math import log2

import numpy as np
import pytest

from serving.features import FIRST_ITEM, PADDING, Int32s
from trainer.backtest import metrics
from trainer.backtest.metrics import PER_LIST, Truths

A, B, C, D, E, F = range(FIRST_ITEM, FIRST_ITEM + 6)
UNKNOWN = 1_000


def lists(*rows: list[int]) -> Int32s:
    return np.array([(row + [PADDING] * 5)[:5] for row in rows], np.int32)


def truths(*bought: set[int]) -> Truths:
    row = np.repeat(np.arange(len(bought)), [len(items) for items in bought])
    return Truths.sets(row, np.array([item for items in bought for item in items], np.int32), len(bought))


def value(metric: str, listed: list[int], bought: set[int], k: int) -> float:
    truth = truths(bought)
    return float(PER_LIST[metric](truth.hits(lists(listed)), truth.n_bought, k)[0])


# Listed are A to E, bought are B, E and one item that is not listed: hits at ranks 2 and 5.
EXPECTED = {
    ("Precision", 1): 0,
    ("Precision", 2): 1 / 2,
    ("Precision", 5): 2 / 5,
    ("Recall", 1): 0,
    ("Recall", 2): 1 / 3,
    ("Recall", 5): 2 / 3,
    ("HitRate", 1): 0,
    ("HitRate", 2): 1,
    ("HitRate", 5): 1,
    ("MRR", 1): 0,
    ("MRR", 5): 1 / 2,
    ("MAP", 2): (1 / 2) / 2,
    ("MAP", 5): (1 / 2 + 2 / 5) / 3,
    ("NDCG", 1): 0,
    ("NDCG", 2): (1 / log2(3)) / (1 + 1 / log2(3)),
    ("NDCG", 5): (1 / log2(3) + 1 / log2(6)) / (1 + 1 / log2(3) + 1 / 2),
}


@pytest.mark.parametrize(("metric", "k"), EXPECTED)
def test_a_metric_is_what_its_formula_says(metric: str, k: int) -> None:
    assert value(metric, [A, B, C, D, E], {B, E, F}, k) == pytest.approx(EXPECTED[metric, k])


@pytest.mark.parametrize("metric", PER_LIST)
def test_a_list_of_nothing_but_what_was_bought_is_perfect_and_one_without_is_worth_nothing(metric: str) -> None:
    assert value(metric, [A, B, C, D, E], {A, B, C, D, E}, 5) == pytest.approx(1)
    assert value(metric, [A, B, C, D, E], {F}, 5) == 0


@pytest.mark.parametrize("metric", PER_LIST)
def test_the_empty_places_of_a_short_list_hit_nothing(metric: str) -> None:
    assert value(metric, [], {A}, 5) == 0


def test_an_item_that_nobody_knew_counts_as_bought_and_is_missed() -> None:
    assert value("Recall", [A, B], {A, UNKNOWN}, 5) == 1 / 2
    assert value("NDCG", [A, B], {A, UNKNOWN}, 5) == pytest.approx(1 / (1 + 1 / log2(3)))


def test_each_list_is_held_against_its_own_truth() -> None:
    truth = truths({A}, {B, C}, {A})
    assert truth.hits(lists([A, B], [A, C], [B, C]))[:, :2].tolist() == [[True, False], [False, True], [False, False]]


def test_what_was_bought_twice_counts_once() -> None:
    truth = Truths.sets(np.array([1, 0, 1]), np.array([A, B, A], np.int32), 3)
    assert (truth.item.tolist(), truth.n_bought.tolist(), truth.row.tolist()) == ([B, A], [1, 1, 0], [0, 1])


def test_one_item_each_is_a_set_of_one() -> None:
    truth = Truths.single(np.array([C, A], np.int32))
    assert truth.hits(lists([A], [A])).any(axis=1).tolist() == [False, True]


def test_coverage_counts_what_each_user_was_shown_and_pcc_what_they_bought_of_it() -> None:
    user, shown = np.array([0, 1, 1]), lists([A, B], [B, C], [B, D])
    hits = truths({B}, {D}, {D}).hits(shown)
    listed = metrics.listed(user, shown, 2)
    assert sorted(zip(*listed, strict=True)) == [(0, A), (0, B), (1, B), (1, C), (1, D)]
    assert sorted(zip(*metrics.listed_and_bought(user, shown, hits, 2), strict=True)) == [(0, B), (1, D)]
    assert sorted(zip(*metrics.listed_and_bought(user, shown, hits, 1), strict=True)) == []
