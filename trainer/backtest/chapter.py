"""The protocol of the book chapter "Building a TensorFlow recommender system", on Online Retail.

    past          before 2011-10-09
    asked about   every order from then to 2011-11-09 00:00, anonymous ones included
    the list      five items: the model's for customers of the past, what is bought most for everybody else
    Precision@5   lines whose item was on the order's list / (5 * orders)

What the chapter does, and the questions of the backtest do not: a model is fit once and sees nothing of the month,
an item that lies in an order twice counts twice, and whoever the past does not know is asked about as well. The
models that have users are fit on customers alone; popularity counts every line. Section "Dataset preparation and
baseline", and "Matrix factorization" for the users that are not known.
"""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from serving.features import Int32s, Int64s
from trainer.backtest.ranking import PopularityOrder, standing
from trainer.errors import NotEnoughData
from trainer.models.model import Grain, Model, Ranker
from trainer.progress import Progress
from trainer.purchases import Moments, Purchases

SPLIT_AT = datetime(2011, 10, 9, tzinfo=UTC)
UNTIL = datetime(2011, 11, 9, tzinfo=UTC)
"""The last moment that still counts."""
K = 5


class Chapter(NamedTuple):
    """The data as the chapter cuts it."""

    purchases: Purchases
    """All lines; an order without a customer has a user of its own."""
    is_customer: NDArray[np.bool_]
    """Which users are customers: [n_users]."""
    start: int
    """Position of the first line of the month that is asked about."""
    end: int
    """Position of the first line after it."""

    @classmethod
    def of(cls, purchases: Purchases, customers: Collection[str]) -> "Chapter":
        """`customers` are the ids of the users that are no orders without a customer. NotEnoughData where nothing was
        bought in the month or before it."""
        start, end = purchases.position(SPLIT_AT.timestamp()), purchases.position(UNTIL.timestamp() + 1)
        if not 0 < start < end:
            raise NotEnoughData(f"there must be purchases before {SPLIT_AT:%Y-%m-%d} and in the month after it")
        return cls(purchases, np.isin(purchases.user_ids, list(customers)), start, end)

    @property
    def past(self) -> Purchases:
        return self.purchases.before(self.start)

    @property
    def past_of_customers(self) -> Purchases:
        return self.past.chosen(self.is_customer[self.past.user])

    @property
    def orders(self) -> Int64s:
        """Positions of the first lines of the orders that are asked about: [n]."""
        starts = self.purchases.order_starts
        return starts[(starts >= self.start) & (starts < self.end)]


def precision(chapter: Chapter, lists: Int32s) -> float:
    """Precision@5 of one list [n, 5] for each order, a padded place counting as a wrong one."""
    bounds = np.append(chapter.orders, chapter.end)
    row = np.repeat(np.arange(len(lists)), np.diff(bounds))
    bought = chapter.purchases.item[chapter.start : chapter.end]
    return float((lists[row] == bought[:, None]).sum() / lists.size)


def lists_by_popularity(chapter: Chapter) -> Int32s:
    """The same five items for every order: [n, 5]."""
    best = _popularity(chapter.past).item[:K]
    return np.tile(best, (len(chapter.orders), 1))


def lists_by_model(chapter: Chapter, model: Model, progress: Progress) -> Int32s:
    """The model's lists for customers of the past, those of popularity for everybody else: [n, 5]."""
    past = chapter.past_of_customers
    ranker = model.fit(past, Grain.ORDER, progress)
    lists = lists_by_popularity(chapter)
    known = np.isin(chapter.purchases.user[chapter.orders], past.user)
    lists[known] = _lists(chapter, ranker, past, chapter.orders[known])
    return lists


def _lists(chapter: Chapter, ranker: Ranker, past: Purchases, orders: Int64s) -> Int32s:
    """As of the split, whenever the order came."""
    then = np.full(len(orders), chapter.start, np.int64)
    as_of = np.full(len(orders), int(SPLIT_AT.timestamp()), np.int64)
    moments = Moments(chapter.purchases, chapter.purchases.user[orders], then, as_of, then)
    best, _ = standing(ranker.scores(moments), _popularity(past)).top(K)
    return best


def _popularity(past: Purchases) -> PopularityOrder:
    return PopularityOrder.of(np.bincount(past.item, minlength=past.vocabulary_size))
