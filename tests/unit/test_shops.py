"""The shops of tests/shops.py keep their laws: who knows the law reaches what they promise, and who does not, not."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from serving.features import Int64s
from tests import shops
from tests.shops import DAY, FASHION_DAYS, START, Shop

MAKERS = [shops.favourites, shops.markov, shops.popularity, shops.fashion]


def number_in_name(names: tuple[str, ...]) -> Int64s:
    return np.array([int(name.split("-")[1]) for name in names])


def newest_lines(shop: Shop) -> Int64s:
    """The position of each user's last line."""
    line, first, _ = shop.purchases.by_user
    return line[first[1:] - 1]


def histories(shop: Shop) -> list[list[int]]:
    line, first, _ = shop.purchases.by_user
    return [shop.purchases.item[line[a:b]].tolist() for a, b in pairwise(first)]


def share_of_next_lines(shop: Shop, k: int) -> float:
    """Of those that are among the k most frequent followers of the line before, counted over everything."""
    followers: defaultdict[int, Counter[int]] = defaultdict(Counter)
    pairs = [pair for history in histories(shop) for pair in pairwise(history)]
    for last, following in pairs:
        followers[last][following] += 1
    likeliest = {last: {item for item, _ in counts.most_common(k)} for last, counts in followers.items()}
    return sum(following in likeliest[last] for last, following in pairs) / len(pairs)


@pytest.mark.parametrize("make", MAKERS)
def test_a_seed_stands_for_one_shop(make: shops.Maker) -> None:
    one, same, other = make(1).purchases, make(1).purchases, make(2).purchases
    assert np.array_equal(one.item, same.item)
    assert np.array_equal(one.at, same.at)
    assert not np.array_equal(one.item[:100], other.item[:100])


def test_of_what_is_due_only_the_noise_is_missed() -> None:
    """A favourite is due where its days before the last order say so: it came up at least twice, at one interval."""
    shop = shops.favourites()
    purchases = shop.purchases
    hits = []
    for user, newest in enumerate(newest_lines(shop)):
        lines = np.flatnonzero(purchases.user == user)
        past = lines[purchases.order[lines] < purchases.order[newest]]
        due = due_items(purchases.item[past], purchases.at[past] // DAY, purchases.at[newest] // DAY)
        bought = purchases.item[lines[purchases.order[lines] == purchases.order[newest]]]
        hits.append(np.isin(due[:1], bought).any())
    assert np.mean(hits) == pytest.approx(shop.best, abs=0.05)


def due_items(item: Int64s, day: Int64s, today: int) -> Int64s:
    """What was bought at one interval of 4 to 30 days, which ends today, the surest first.

    Noise leaves gaps of two intervals and adds single days, so the interval is the one that fits most days.
    """
    fits = {}
    for candidate in np.unique(item):
        days = day[item == candidate]
        for interval in range(4, 31):
            expected = (today - day.min()) // interval
            fits[candidate, interval] = ((today - days) % interval == 0).sum() / max(expected, 1)
    best = sorted(fits, key=lambda pair: -fits[pair])
    return np.array([candidate for candidate, _ in best])


def test_the_favourites_are_bought_again_and_the_most_frequent_one_is_not_enough() -> None:
    shop = shops.favourites()
    purchases, newest = shop.purchases, newest_lines(shop)
    most_frequent = np.array([Counter(history).most_common(1)[0][0] for history in histories(shop)])
    last_orders = [purchases.item[purchases.order == order] for order in purchases.order[newest]]
    hits = [item in order for item, order in zip(most_frequent, last_orders, strict=True)]
    assert np.mean(hits) < shop.best / 1.5


def test_the_likeliest_follower_is_next_as_often_as_promised() -> None:
    shop = shops.markov(n_users=4_000)
    assert share_of_next_lines(shop, 1) == pytest.approx(shop.best, abs=0.01)
    assert share_of_next_lines(shop, 5) == pytest.approx(shops.STEP_SHARES[:5].sum(), abs=0.01)


def test_nobody_buys_anything_of_the_markov_shop_twice() -> None:
    assert all(len(set(history)) == len(history) for history in histories(shops.markov()))


def test_no_item_of_the_markov_shop_is_popular() -> None:
    counts = np.bincount(shops.markov().purchases.item)
    assert counts.max() / counts.sum() < 0.02


@pytest.mark.parametrize("make", [shops.popularity, shops.fashion])
def test_the_most_popular_item_has_the_promised_share(make: shops.Maker) -> None:
    shop = make(1)
    period = (shop.purchases.at - START) // (FASHION_DAYS * DAY) if make is shops.fashion else shop.purchases.at * 0
    tops = [np.bincount(shop.purchases.item[period == one]).max() for one in range(period.max() + 1)]
    assert sum(tops) / len(period) == pytest.approx(shop.best, abs=0.02)


def test_what_is_popular_over_all_time_is_out_of_fashion() -> None:
    shop = shops.fashion()
    assert np.bincount(shop.purchases.item).max() / len(shop.purchases) < shop.best / 2


def test_in_the_shops_of_chance_the_line_before_says_nothing() -> None:
    """Followers that were counted are right more often than the most popular item only because of few counts."""
    shop = shops.popularity(n_users=4_000, n_items=20)
    assert share_of_next_lines(shop, 1) == pytest.approx(shop.best, abs=0.01)


@pytest.mark.parametrize("make", MAKERS)
def test_without_times_lines_and_orders_stay_as_they_are(make: shops.Maker) -> None:
    timed, untimed = make(1).purchases, shops.without_times(make(1)).purchases
    assert not untimed.is_timed
    assert untimed.at.tolist() == list(range(len(timed)))
    assert (untimed.item_ids, untimed.user_ids) == (timed.item_ids, timed.user_ids)
    for column in ("user", "item", "order"):
        assert np.array_equal(getattr(untimed, column), getattr(timed, column))
