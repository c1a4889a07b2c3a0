"""Windows that are cut from runs of lines."""

import numpy as np
import pytest

from serving.features import PADDING
from trainer.models.windows import NOWHERE, from_newest, from_oldest, known, looked_up, newest

START, END = np.array([3, 8, 8]), np.array([8, 8, 9])


def test_newest_places_stand_on_the_right() -> None:
    assert newest(START, END, 3).tolist() == [[5, 6, 7], [-1, -1, -1], [-1, -1, 8]]


@pytest.mark.parametrize("cut", [from_newest, from_oldest])
def test_every_place_lies_in_just_one_window(cut: type) -> None:
    windows = cut(START, END, 2)
    assert sorted(windows[windows != NOWHERE]) == [3, 4, 5, 6, 7, 8]


def test_the_window_that_is_not_full_is_the_oldest_or_the_newest() -> None:
    assert from_newest(START, END, 3).tolist() == [[5, 6, 7], [-1, 3, 4], [-1, -1, 8]]
    assert from_oldest(START, END, 3).tolist() == [[3, 4, 5], [6, 7, -1], [8, -1, -1]]


def test_what_is_nowhere_is_padding() -> None:
    places = np.array([[NOWHERE, 0, 2]])
    assert looked_up(np.array([7, 8, 9], np.int32), places).tolist() == [[PADDING, 7, 9]]


def test_items_beyond_the_vocabulary_are_replaced() -> None:
    assert known(np.array([2, 9, 10], np.int32), 10, otherwise=PADDING).tolist() == [2, 9, PADDING]
