import numpy as np
import pytest

from serving.features import (
    INPUT_NAMES,
    MAX_ORDERS_AGO,
    RECENCY_BUCKETS,
    SEQUENCE_LENGTH,
    UNKNOWN,
    LineColumns,
    ModelInputs,
    model_inputs,
    recency_buckets,
)
from serving.vocabulary import Vocabulary

DAY = 24 * 3600


def columns(*lines: tuple[int, int, int]) -> LineColumns:
    items, days, orders = zip(*lines, strict=True) if lines else ((), (), ())
    return LineColumns(np.array(items, np.int32), np.array(days, np.int64) * DAY, np.array(orders, np.int32))


def inputs_of(lines: LineColumns, *rows: tuple[int, int, int]) -> ModelInputs:
    starts, ends, days = (np.array(values, np.int64) for values in zip(*rows, strict=True))
    return model_inputs(lines, starts, ends, days * DAY)


def test_the_newest_line_stands_last_and_the_rest_is_padding() -> None:
    inputs = inputs_of(columns((7, 0, 0), (8, 10, 1), (9, 10, 1)), (0, 3, 10))
    assert inputs["item_index"][0, -4:].tolist() == [0, 7, 8, 9]
    assert inputs["orders_ago"][0, -4:].tolist() == [0, 2, 1, 1]
    assert inputs["recency_bucket"][0, -4:].tolist() == [0, 3, 1, 1]
    assert all(not inputs[name][0, :-3].any() for name in INPUT_NAMES)


def test_every_input_is_int32_of_one_shape() -> None:
    inputs = inputs_of(columns((7, 0, 0)), (0, 1, 1), (0, 1, 2))
    assert tuple(inputs) == INPUT_NAMES
    assert {(value.shape, value.dtype.name) for value in inputs.values()} == {((2, SEQUENCE_LENGTH), "int32")}


def test_a_row_sees_its_own_slice_alone() -> None:
    lines = columns((2, 0, 0), (3, 1, 1), (4, 0, 0), (5, 1, 1))
    inputs = inputs_of(lines, (0, 2, 1), (2, 4, 1), (2, 3, 1))
    assert [row[row > 0].tolist() for row in inputs["item_index"]] == [[2, 3], [4, 5], [4]]
    assert inputs["orders_ago"][2, -1] == 1


def test_only_the_newest_lines_of_a_long_history_are_seen() -> None:
    lines = columns(*((2 + n, n, n) for n in range(300)))
    inputs = inputs_of(lines, (0, 300, 300))
    assert inputs["item_index"][0].tolist() == [2 + n for n in range(300 - SEQUENCE_LENGTH, 300)]
    assert inputs["orders_ago"][0, 0] == MAX_ORDERS_AGO


@pytest.mark.parametrize("lines", [columns(), columns((7, 0, 0))])
def test_an_empty_history_is_all_padding(lines: LineColumns) -> None:
    inputs = inputs_of(lines, (0, 0, 5))
    assert not any(inputs[name].any() for name in INPUT_NAMES)


def test_serving_a_batch_sees_what_training_on_one_column_set_saw() -> None:
    rng = np.random.default_rng(1)
    lines = columns(*((int(rng.integers(2, 50)), n // 3, n // 4) for n in range(400)))
    together = inputs_of(lines, (0, 150, 90), (150, 400, 200))
    second = LineColumns(lines.item_index[150:400], lines.bought_at[150:400], lines.order[150:400])
    alone = inputs_of(second, (0, 250, 200))
    for name in INPUT_NAMES:
        np.testing.assert_array_equal(together[name][1], alone[name][0])


def test_recency_is_never_padding_and_ends_after_a_year() -> None:
    days = np.array([-3, 0, 3, 4, 364, 366, 5000], np.int64) * DAY
    assert recency_buckets(days).tolist() == [1, 1, 1, 2, RECENCY_BUCKETS, RECENCY_BUCKETS, RECENCY_BUCKETS]


def test_a_vocabulary_keeps_padding_and_unknown_apart_from_items() -> None:
    vocabulary = Vocabulary(["a", "b"])
    assert (vocabulary.n_items, vocabulary.size) == (2, 4)
    assert vocabulary.indexes(["b", "?", "a"]).tolist() == [3, UNKNOWN, 2]
    assert [vocabulary.item_id(vocabulary.index_of(item_id)) for item_id in "ab"] == ["a", "b"]


@pytest.mark.parametrize("index", [0, 1, 4, -1])
def test_no_item_stands_behind_an_index_outside_the_vocabulary(index: int) -> None:
    with pytest.raises(IndexError):
        Vocabulary(["a", "b"]).item_id(index)


def test_a_vocabulary_names_no_item_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        Vocabulary(["a", "a"])
