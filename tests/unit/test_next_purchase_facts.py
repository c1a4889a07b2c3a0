import numpy as np
import pytest

from tests.unit.test_trainer_history import at, bought, history_of
from trainer.next_purchase.facts import ALL_TIME, N_FACTS, ItemFacts, Ledger
from trainer.purchases import Purchases

A, B = 2, 3
WEEK, MONTH, AGAIN = 0, 1, N_FACTS - 1


@pytest.fixture
def purchases() -> Purchases:
    return history_of(
        bought("1", 0.5, "a", "b"),
        bought("2", 40.5, "a"),
        bought("3", 41.5, "a", user="v"),
        bought("4", 60.5, "a", user="v"),
    ).purchases


def counts(facts: ItemFacts, day: float, item: int, window: int) -> int:
    (number,) = facts.at(np.array([int(at(day).timestamp())]))
    table = facts.tables[number, :, window]
    # Nobody buys padding: its share stands for no lines at all.
    return round(float(np.expm1(table[item] - table[0])))


def test_each_window_counts_the_lines_of_its_days(purchases: Purchases) -> None:
    facts = Ledger(purchases, 4).facts()
    assert [counts(facts, 42.9, A, window) for window in (WEEK, MONTH, ALL_TIME)] == [2, 2, 3]
    assert [counts(facts, 42.9, B, window) for window in (WEEK, MONTH, ALL_TIME)] == [0, 0, 1]


@pytest.mark.parametrize("day", [0.5, 40.6, 41.5, 60.5])
def test_nothing_of_the_day_of_the_question_or_later_counts(purchases: Purchases, day: float) -> None:
    before = sum(int(purchases.item[n]) == A for n in range(purchases.position(int(at(int(day)).timestamp()))))
    assert counts(Ledger(purchases, 4).facts(), day, A, ALL_TIME) == before


def test_an_item_is_bought_again_by_who_had_it_in_an_order_before(purchases: Purchases) -> None:
    table = Ledger(purchases, 4).table(int(at(100).timestamp()))
    assert table[A, AGAIN] == pytest.approx((2 + 1) / (4 + 10))
    assert table[B, AGAIN] == pytest.approx(1 / (1 + 10))


def test_items_newer_than_the_vocabulary_are_left_out(purchases: Purchases) -> None:
    assert Ledger(purchases, 3).table(int(at(100).timestamp())).shape == (3, N_FACTS)


def test_a_later_table_is_looked_at_from_its_day_on(purchases: Purchases) -> None:
    ledger = Ledger(purchases.before(2), 4)
    later = int(at(50).timestamp())
    facts = ledger.facts().followed_by(later, Ledger(purchases, 4).table(later))
    assert counts(facts, 49.9, A, ALL_TIME) == 1
    assert counts(facts, 50.1, A, ALL_TIME) == 3
