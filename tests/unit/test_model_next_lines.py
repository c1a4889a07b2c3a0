"""What is to be said after each line, by grain."""

import numpy as np

from tests.shops import markov
from tests.tiny import A, B, C, D, Order, purchases
from trainer.models.model import Grain
from trainer.models.next_lines import NextLines, next_runs
from trainer.models.windows import NOWHERE
from trainer.purchases import Purchases


def two_users() -> Purchases:
    """User 0 places orders of 2, 1 and 2 lines, user 1 one of 2; in `by_user.line` they lie at 0..4 and 5..6."""
    return purchases(Order(0, 0, (A, B)), Order(0, 1, (C,)), Order(0, 2, (D, D + 1)), Order(1, 3, (A, B)))


def test_after_a_line_comes_the_next_line_of_the_same_user() -> None:
    start, end = next_runs(two_users(), Grain.LINE)
    assert start.tolist() == [1, 2, 3, 4, NOWHERE, 6, NOWHERE]
    assert (end - start)[start != NOWHERE].tolist() == [1] * 5


def test_after_a_line_comes_the_next_order_of_the_same_user() -> None:
    start, end = next_runs(two_users(), Grain.ORDER)
    assert start.tolist() == [2, 2, 3, NOWHERE, NOWHERE, NOWHERE, NOWHERE]
    assert end.tolist()[:3] == [3, 3, 5]


def test_every_line_of_the_next_order_is_said_sometimes_and_no_other() -> None:
    examples = NextLines(two_users(), Grain.ORDER, length=4, seed=0)
    said = [examples.draw(np.array([0]))[1][0].tolist() for _ in range(50)]
    assert {tuple(row[:3]) for row in said} == {(NOWHERE, 2, 2)}
    assert {row[3] for row in said} == {3, 4}


def test_every_line_that_is_followed_is_read_once() -> None:
    past = markov(n_users=4, n_items=60, n_lines=5).purchases
    examples = NextLines(past, Grain.LINE, length=3, seed=0)
    read, said = examples.draw(np.arange(len(examples.at)))
    is_line = read != NOWHERE
    assert sorted(past.by_user.rank[past.by_user.line[read[is_line]]].tolist()) == sorted([0, 1, 2, 3] * 4)
    assert np.array_equal(said[is_line], read[is_line] + 1)
    assert np.array_equal(examples.at, past.at[past.by_user.line[said[:, -1]]])
