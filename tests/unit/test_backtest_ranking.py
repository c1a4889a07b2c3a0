"""Lists and ranks: what a full sort by score, then popularity, would give."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from serving.features import FIRST_ITEM, PADDING
from trainer.backtest.ranking import NO_RANK, PopularityOrder, standing
from trainer.purchases import Float32s

A, B, C, D = range(FIRST_ITEM, FIRST_ITEM + 4)


def order(*bought: int) -> PopularityOrder:
    return PopularityOrder.of(np.array([0] * FIRST_ITEM + list(bought)))


def scores(*rows: list[float]) -> Float32s:
    return np.array([[0.0] * FIRST_ITEM + row for row in rows], np.float32)


def test_items_stand_by_score_and_equal_ones_by_popularity() -> None:
    top, values = standing(scores([1, 3, 1, 1]), order(5, 1, 9, 7)).top(3)
    assert top.tolist() == [[B, C, D]]
    assert values.tolist() == [[3, 1, 1]]


def test_equally_popular_items_stand_in_the_order_of_their_first_purchase() -> None:
    assert standing(scores([1, 1, 1, 1]), order(3, 3, 3, 3)).top(4)[0].tolist() == [[A, B, C, D]]


def test_columns_that_are_no_items_are_never_listed() -> None:
    highest_where_no_item_is = np.array([[9, 9, 1, 2]], np.float32)
    assert standing(highest_where_no_item_is, order(1, 1)).top(3)[0].tolist() == [[B, A, PADDING]]


def test_an_item_that_is_barred_is_on_no_list_and_ranks_last() -> None:
    barred = standing(scores([4, 3, 2, 1], [4, 3, 2, 1]), order(1, 1, 1, 1)).without(np.array([0]), np.array([A]))
    assert barred.top(4)[0].tolist() == [[B, C, D, PADDING], [A, B, C, D]]
    assert barred.rank(np.array([A, A])).tolist() == [4, 1]


def test_barring_an_item_that_is_not_known_changes_nothing() -> None:
    barred = standing(scores([4, 3]), order(1, 1)).without(np.array([0]), np.array([D]))
    assert barred.top(2)[0].tolist() == [[A, B]]


def test_an_unknown_item_has_no_rank() -> None:
    assert standing(scores([4, 3], [4, 3]), order(1, 1)).rank(np.array([D, B])).tolist() == [NO_RANK, 2]


N_ITEMS = st.shared(st.integers(1, 200), key="items")


@given(
    st.data(),
    N_ITEMS.flatmap(lambda n: arrays(np.float32, (3, n + FIRST_ITEM), elements=st.sampled_from([-2.5, 0, 1, 1.5]))),
    N_ITEMS.flatmap(lambda n: arrays(np.int64, n + FIRST_ITEM, elements=st.integers(0, 3))),
    st.integers(1, 25),
)
def test_lists_and_ranks_are_those_of_a_full_sort(
    data: st.DataObject, given_scores: Float32s, bought: np.ndarray, k: int
) -> None:
    items = range(FIRST_ITEM, len(bought))
    asked = data.draw(st.lists(st.sampled_from(items), min_size=3, max_size=3))
    standings = standing(given_scores, PopularityOrder.of(bought))
    top, rank = standings.top(k)[0], standings.rank(np.array(asked))
    for row, one in enumerate(given_scores):
        best_first = sorted(items, key=lambda item: (-one[item], -bought[item], item))
        assert top[row].tolist() == (best_first + [PADDING] * k)[:k]
        assert rank[row] == best_first.index(asked[row]) + 1
