"""Windows of open orders, and what follows what: who sees what of which lines."""

import numpy as np
import pytest

from serving.features import FIRST_ITEM, PADDING
from tests.shops import markov
from tests.unit.test_next_line import asked, purchases_of
from trainer.next_purchase.examples import visible_lines
from trainer.next_purchase.followers import follower_counts, followers_by_day
from trainer.next_purchase.open_orders import MAX_OPEN_LINES, asked_windows, windows
from trainer.next_purchase.runs import Run, previous_items, run_of
from trainer.purchases import Purchases

DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def shop() -> Purchases:
    """Three orders of two users: a small one, one of 300 lines, and another small one of the first user."""
    items = [np.arange(3), np.arange(300), np.arange(5, 9)]
    return purchases_of(items, user=np.array([0, 1, 0]), day=np.array([0, 0, 2]))


def test_orders_of_several_lines_are_runs_and_single_lines_are_not(shop: Purchases) -> None:
    assert run_of(shop) is Run.ORDER
    assert run_of(markov(n_users=5).purchases) is Run.USER


@pytest.mark.parametrize("run", Run)
@pytest.mark.parametrize("start", [0, 3, 303])
def test_every_line_is_asked_about_once(shop: Purchases, run: Run, start: int) -> None:
    cut = windows(shop, run, start, len(shop))
    is_asked = cut.after(shop.vocabulary_size) != PADDING
    np.testing.assert_array_equal(np.sort(cut.line_numbers()[is_asked]), np.arange(start, len(shop)))
    assert cut.length.max() <= MAX_OPEN_LINES


@pytest.mark.parametrize("run", Run)
def test_before_each_line_the_newest_visible_one_is_the_one_before_it(shop: Purchases, run: Run) -> None:
    cut = windows(shop, run, 0, len(shop))
    after, item = cut.after(shop.vocabulary_size), cut.open(shop.vocabulary_size).item_index
    row, column = np.nonzero((after != PADDING) & (np.arange(after.shape[1]) > 0))
    previous = previous_items(shop, run, shop.vocabulary_size)
    np.testing.assert_array_equal(item[row, column - 1], previous[cut.line_numbers()[row, column]])


@pytest.mark.parametrize("run", Run)
def test_is_asked_in_the_windows_in_which_it_has_learnt(shop: Purchases, run: Run) -> None:
    learnt = windows(shop, run, 0, len(shop))
    found = asked_windows(asked(shop, np.arange(len(shop))), run, visible_lines(shop))
    after, numbers = learnt.after(shop.vocabulary_size), learnt.line_numbers()
    for row, column in np.argwhere(after != PADDING):
        line = numbers[row, column]
        place = found.row[line]
        assert found.windows.start[place] + found.column[line] == learnt.start[row] + column
        assert found.windows.opened[place] == learnt.opened[row]


def test_a_closed_order_is_seen_and_an_open_one_is_not(shop: Purchases) -> None:
    cut = windows(shop, Run.ORDER, 0, len(shop))
    closed = cut.closed(shop.vocabulary_size)["item_index"]
    first_user = np.flatnonzero(cut.user == 0)
    assert (closed[first_user[0]] == PADDING).all()
    np.testing.assert_array_equal(closed[first_user[1]][-3:], shop.item[:3])


def test_followers_know_nothing_of_their_own_day() -> None:
    shop = purchases_of([np.array([0, 1]), np.array([0, 2]), np.array([0, 1])], day=np.array([0, 1, 1]))
    previous = previous_items(shop, Run.ORDER, shop.vocabulary_size)
    rows = followers_by_day(shop, previous, shop.vocabulary_size, DAY_S)
    seen = rows.rows.at(rows.of_line)
    first, second = FIRST_ITEM, FIRST_ITEM + 1
    assert (seen.item[:2] == PADDING).all()
    for line in (3, 5):
        assert seen.item[line][:2].tolist() == [second, PADDING]
        assert seen.log_share[line][0] == 0
    assert seen.item[4][:2].tolist() == [first, PADDING]


def test_what_followed_long_ago_counts_less() -> None:
    shop = purchases_of([np.array([0, 1]), np.array([0, 1]), np.array([0, 2])], day=np.array([0, 0, 60]))
    size = shop.vocabulary_size
    counts = follower_counts(shop, previous_items(shop, Run.ORDER, size), size, DAY_S)
    rows = counts.rows(np.array([FIRST_ITEM], np.int32), float(shop.at[-1]))
    # Two half-lives: two old ones weigh half of what one of today does.
    assert rows.item[0, :2].tolist() == [FIRST_ITEM + 2, FIRST_ITEM + 1]
    np.testing.assert_allclose(np.exp(rows.log_share[0, :2]), [2 / 3, 1 / 3], rtol=1e-5)
    np.testing.assert_allclose(rows.log_age[0, :2], [0, np.log(61)], rtol=1e-5)
    np.testing.assert_allclose(rows.log_weight, [np.log(2.5)], rtol=1e-5)
