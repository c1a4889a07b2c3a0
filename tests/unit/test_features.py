import numpy as np
import pytest

from serving.features import (
    INPUT_TYPES,
    SEQUENCE_LENGTH,
    UNKNOWN,
    LineColumns,
    ModelInputs,
    Questions,
    model_inputs,
)
from serving.vocabulary import Vocabulary

DAY = 24 * 3600


def columns(*lines: tuple[int, float, int]) -> LineColumns:
    """Item, day and order of each line; the quantity is twice the item."""
    items, days, orders = zip(*lines, strict=True) if lines else ((), (), ())
    bought_at = (np.array(days) * DAY).astype(np.int64)
    return LineColumns(
        np.array(items, np.int32), bought_at, np.array(orders, np.int32), 2 * np.array(items, np.float32)
    )


def inputs_of(lines: LineColumns, *rows: tuple[int, int, int], n_open: int = 0) -> ModelInputs:
    """Each row: start, end and day of the question; the last `n_open` lines are in an open order."""
    starts, ends, days = (np.array(values, np.int64) for values in zip(*rows, strict=True))
    return model_inputs(lines, Questions(starts, ends, days * DAY, ends - n_open))


def test_the_newest_line_stands_last_and_the_rest_is_padding() -> None:
    inputs = inputs_of(columns((7, 0, 0), (8, 9.5, 1), (9, 9.5, 1)), (0, 3, 10))
    assert inputs["item_index"][0, -4:].tolist() == [0, 7, 8, 9]
    assert inputs["orders_ago"][0, -4:].tolist() == [0, 2, 1, 1]
    assert inputs["days_ago"][0, -4:].tolist() == [0, 10, 0.5, 0.5]
    assert inputs["quantity"][0, -4:].tolist() == [0, 14, 16, 18]
    assert all(not inputs[name][0, :-3].any() for name in INPUT_TYPES)


def test_lines_of_an_open_order_are_no_order_ago() -> None:
    inputs = inputs_of(columns((7, 0, 0), (8, 5, 1), (9, 10, 2)), (0, 3, 10), n_open=1)
    assert inputs["orders_ago"][0, -4:].tolist() == [0, 2, 1, 0]


def test_every_input_has_its_type_and_one_shape() -> None:
    inputs = inputs_of(columns((7, 0, 0)), (0, 1, 1), (0, 1, 2))
    assert {name: value.dtype for name, value in inputs.items()} == INPUT_TYPES
    assert {value.shape for value in inputs.values()} == {(2, SEQUENCE_LENGTH)}


def test_a_row_sees_its_own_slice_alone() -> None:
    lines = columns((2, 0, 0), (3, 1, 1), (4, 0, 0), (5, 1, 1))
    inputs = inputs_of(lines, (0, 2, 1), (2, 4, 1), (2, 3, 1))
    assert [row[row > 0].tolist() for row in inputs["item_index"]] == [[2, 3], [4, 5], [4]]
    assert inputs["orders_ago"][2, -1] == 1


def test_only_the_newest_lines_of_a_long_history_are_seen() -> None:
    long = SEQUENCE_LENGTH + 44
    lines = columns(*((2 + n, n, n) for n in range(long)))
    inputs = inputs_of(lines, (0, long, long))
    assert inputs["item_index"][0].tolist() == [2 + n for n in range(44, long)]
    assert inputs["orders_ago"][0, 0] == SEQUENCE_LENGTH


def test_an_order_that_does_not_fit_is_left_out_whole() -> None:
    long = SEQUENCE_LENGTH + 44
    lines = columns(*((2 + n, n // 60, n // 60) for n in range(long)))
    (seen,) = inputs_of(lines, (0, long, 10))["item_index"]
    assert seen[seen > 0].tolist() == [2 + n for n in range(60, long)]


def test_of_a_newest_order_that_does_not_fit_the_newest_lines_are_seen() -> None:
    long = SEQUENCE_LENGTH + 44
    lines = columns((2, 0, 0), *((3 + n, 1, 1) for n in range(long - 1)))
    (seen,) = inputs_of(lines, (0, long, 1))["item_index"]
    assert seen.tolist() == [2 + n for n in range(44, long)]


@pytest.mark.parametrize("lines", [columns(), columns((7, 0, 0))])
def test_an_empty_history_is_all_padding(lines: LineColumns) -> None:
    inputs = inputs_of(lines, (0, 0, 5))
    assert not any(inputs[name].any() for name in INPUT_TYPES)


def test_serving_a_batch_sees_what_training_on_one_column_set_saw() -> None:
    rng = np.random.default_rng(1)
    lines = columns(*((int(rng.integers(2, 50)), n // 3, n // 4) for n in range(400)))
    together = inputs_of(lines, (0, 152, 90), (152, 400, 200))
    second = lines.chosen(slice(152, 400))
    alone = inputs_of(second, (0, 248, 200))
    for name in INPUT_TYPES:
        np.testing.assert_array_equal(together[name][1], alone[name][0])


def test_what_lies_ahead_of_the_question_was_just_now() -> None:
    inputs = inputs_of(columns((7, 3, 0)), (0, 1, 1))
    assert inputs["days_ago"][0, -1] == 0


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
