"""Small shops whose customers follow a known law, so that a model can be held to what can be learnt.

    shop         law                                           a model that has learnt it
    favourites   each customer buys the same things again,     knows what is due: HitRate@1 of the next order `best`;
                 each at its own interval                      the most frequent favourite alone is right far less
    markov       what was bought last decides what comes       knows the followers: HitRate@1 of the next line `best`;
                 next; nothing is ever bought twice            popularity is right about once in 200
    popularity   every line is drawn from one distribution     no better than popularity, which reaches `best`
    fashion      the same, but what is popular changes         knows what is popular now: HitRate@1 `best`; over all
                 every 30 days                                 time it is right far less
    without_times(shop)    the same lines in the same order, without times

The same seed gives the same shop. Prices and quantities say nothing.
"""

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from serving.features import Int64s
from trainer.numbering import MICROSECONDS, Ids, SourceLines, numbered
from trainer.purchases import Purchases

DAY = 24 * 3600
START = 1_262_304_000
"""2010-01-01, unix time."""
FASHION_DAYS = 30
STEP_SHARES = 0.5 ** np.arange(1, 9) / (1 - 0.5**8)
"""How likely each of an item's eight followers is, the likeliest first: a half, a quarter, ..."""


class Shop(NamedTuple):
    purchases: Purchases
    best: float
    """Share of next orders (of the shops of single lines: next lines) that a list of one hits, in expectation,
    if it is made by somebody who knows the law, each customer's past and the time of the visit."""


class Maker(Protocol):
    """Any of the shops, in its own size."""

    def __call__(self, seed: int = 1) -> Shop: ...


def favourites(seed: int = 1, n_users: int = 200, n_items: int = 120, days: int = 180, noise: float = 0.1) -> Shop:
    """Each customer has six favourites, each bought every 4 to 30 days on the day; an order is what falls on one
    day, in any order. A share `noise` of the lines is a random item instead.

    What is due on the day of the visit is known once a favourite was bought twice, so at best a list of one misses
    the noise alone. A list of six favourites hits as often, a list of five nearly.
    """
    random = np.random.default_rng(seed)
    user, day, item = [], [], []
    for number in range(n_users):
        for favourite in random.choice(n_items, 6, replace=False):
            interval = int(random.integers(4, 31))
            bought = np.arange(random.integers(interval), days, interval)
            user.append(np.full(len(bought), number))
            day.append(bought)
            item.append(
                np.where(random.random(len(bought)) < noise, random.integers(n_items, size=len(bought)), favourite)
            )
    shuffled = random.permutation(sum(map(len, day)))
    columns = (np.concatenate(column)[shuffled] for column in (user, item, day))
    return Shop(_purchases(*columns), 1 - noise)


def markov(seed: int = 1, n_users: int = 400, n_items: int = 200, n_lines: int = 20) -> Shop:
    """Each item has eight followers, taken by STEP_SHARES; each customer walks along them, a line at a time.

    A list of the likeliest follower hits in half of the cases, the best five followers in 97 of 100. The items
    lie on a ring of which nobody ever walks a whole round, so that nothing is bought twice.
    """
    if n_lines * len(STEP_SHARES) > n_items:
        raise ValueError(f"{n_lines} lines may take more than one round of {n_items} items")
    random = np.random.default_rng(seed)
    names = random.permutation(n_items)
    steps = random.choice(len(STEP_SHARES), (n_users, n_lines), p=STEP_SHARES) + 1
    places = np.cumsum(steps, axis=1) + random.integers(n_items, size=(n_users, 1))
    return Shop(_single_lines(random, names[places % n_items]), float(STEP_SHARES[0]))


def popularity(seed: int = 1, n_users: int = 300, n_items: int = 100, n_lines: int = 20) -> Shop:
    """Every line is drawn anew: the r-th most popular item with a share of 1/r. A list of one hits in a fifth."""
    random = np.random.default_rng(seed)
    shares = _shares_by_rank(n_items)
    return Shop(_single_lines(random, random.choice(n_items, (n_users, n_lines), p=shares)), float(shares[0]))


def fashion(seed: int = 1, n_users: int = 300, n_items: int = 100, n_lines: int = 20) -> Shop:
    """As `popularity`, but with every FASHION_DAYS another item is the most popular one, and so on."""
    random = np.random.default_rng(seed)
    shares = _shares_by_rank(n_items)
    rank = random.choice(n_items, (n_users, n_lines), p=shares)
    day = _days(random, rank.shape)
    fashions = np.array([random.permutation(n_items) for _ in range(int(day.max()) // FASHION_DAYS + 1)])
    item = fashions[day.astype(np.int64) // FASHION_DAYS, rank]
    return Shop(_purchases(_users(rank.shape), item.ravel(), day.ravel()), float(shares[0]))


def without_times(shop: Shop) -> Shop:
    """The same lines in the same orders, of which nothing is known but what came first."""
    known = shop.purchases
    unknown = SourceLines(
        Ids(known.user.astype(np.int64), known.user_ids),
        Ids(known.item.astype(np.int64), ("", "", *known.item_ids)),
        at=None,
        order=known.order.astype(np.int64),
        quantity=known.quantity,
        price=known.price,
    )
    return Shop(numbered(unknown), shop.best)


def _shares_by_rank(n_items: int) -> NDArray[np.float64]:
    weights = 1 / np.arange(1, n_items + 1)
    shares: NDArray[np.float64] = weights / weights.sum()
    return shares


def _single_lines(random: np.random.Generator, item: Int64s) -> Purchases:
    """One line per visit, item [users, visits]."""
    return _purchases(_users(item.shape), item.ravel(), _days(random, item.shape).ravel())


def _users(shape: tuple[int, ...]) -> Int64s:
    return np.repeat(np.arange(shape[0]), shape[1])


def _days(random: np.random.Generator, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """When each customer's visits are: the first in the first month, a week between two on average."""
    gaps = random.exponential(7.0, shape)
    gaps[:, 0] = random.uniform(0, 30, shape[0])
    return np.cumsum(gaps, axis=1)


def _purchases(user: Int64s, item: Int64s, day: Int64s | NDArray[np.float64]) -> Purchases:
    return numbered(
        SourceLines(
            Ids(user, [f"user-{number}" for number in range(user.max() + 1)]),
            Ids(item, [f"item-{number}" for number in range(item.max() + 1)]),
            at=((START + day * DAY) * MICROSECONDS).astype(np.int64),
            order=None,
            quantity=np.ones(len(item)),
            price=np.full(len(item), np.nan),
        )
    )
