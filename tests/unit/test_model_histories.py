"""Histories as sparse rows, and counts that fade."""

from dataclasses import replace

import numpy as np
import pytest

from tests.tiny import A, B, C, Order, now, purchases
from trainer.models.forgetting import Forgetting
from trainer.models.histories import Histories, dense, orders_by_user
from trainer.purchases import runs

PAST = purchases(Order(0, 0, (A, A, B)), Order(1, 1, (B,)), Order(0, 2, (A, C)))
ALL = PAST.vocabulary_size


def test_orders_are_counted_and_not_lines() -> None:
    assert dense(Histories.of(now(PAST, 0, 1), ALL).orders())[:, A:].tolist() == [[2, 1, 1], [0, 1, 0]]


def test_an_older_order_counts_less() -> None:
    assert dense(Histories.of(now(PAST, 0), ALL).orders(0.5))[:, A:].tolist() == [[1.5, 0.5, 1]]


def test_the_order_that_is_open_is_the_newest() -> None:
    histories = Histories.of(now(PAST, 0, n_open=2), ALL)
    assert histories.orders_ago.tolist() == [1, 1, 1, 0, 0]


def test_items_that_the_model_does_not_know_are_left_out() -> None:
    histories = Histories.of(now(PAST, 0, 1), C)
    assert dense(histories.orders())[:, A:].tolist() == [[2, 1], [0, 1]]
    assert histories.row.tolist() == [0, 0, 0, 0, 1]


def test_an_order_counts_as_one_that_passed_even_if_nothing_of_it_is_known() -> None:
    past = purchases(Order(0, 0, (A,)), Order(0, 1, (B,)))
    assert dense(Histories.of(now(past, 0), B).orders(0.5))[:, A:].tolist() == [[0.5]]


def test_who_has_bought_nothing_has_an_empty_row() -> None:
    assert dense(Histories.of(now(PAST, 9, 1), ALL).orders())[:, A:].tolist() == [[0, 0, 0], [0, 1, 0]]


def test_a_history_can_be_weighed_more_than_once() -> None:
    histories = Histories.of(now(PAST, 0), ALL)
    first, second = histories.orders(), histories.orders()
    assert (first != second).nnz == 0


def test_all_users_at_once_are_the_same_as_each_at_the_end() -> None:
    assert dense(orders_by_user(PAST)).tolist() == dense(Histories.of(now(PAST, 0, 1), ALL).orders()).tolist()


def test_runs_follow_each_other_and_may_be_empty() -> None:
    assert runs(np.array([5, 2, 7]), np.array([7, 2, 10])).tolist() == [5, 6, 7, 8, 9]


def test_a_past_without_times_is_taken_to_be_a_year() -> None:
    past = replace(PAST, is_timed=False)
    clock = Forgetting.of(past, days=365)
    clock.advance(np.array([0, len(past)]))
    assert clock.weight(np.array([0, len(past)])).tolist() == pytest.approx([0.5, 1])


def test_what_is_observed_late_does_not_turn_the_clock_back() -> None:
    clock = Forgetting(half_life=10)
    clock.advance(np.array([100]))
    assert clock.advance(np.array([50])) == 1
    assert clock.weight(np.array([90])) == pytest.approx(0.5)
