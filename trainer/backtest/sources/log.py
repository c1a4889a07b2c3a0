"""Purchases from the purchase log: what was bought and not brought back, as the stream has it.

Orders of one moment are put in the order of the users' ids, as the log does not say who came first.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from streams.contract.connection import KafkaConnection
from streams.contract.topics import PURCHASE_LOG
from trainer.backtest.sources.numbering import MICROSECONDS, Ids, SourceLines, numbered
from trainer.backtest.sources.source import Source, source
from trainer.errors import NotEnoughData
from trainer.progress import Progress, timed_step
from trainer.purchase_history import UserEvent, events_by_user, kept_orders, read_log
from trainer.purchases import Purchases

_Row: TypeAlias = tuple[str, str, int, int, float, float]
"""User, item, unix time, number of the user's order, quantity, price."""


def read(connection: KafkaConnection, progress: Progress) -> Source:
    """The whole log as of now; NotEnoughData where no user has two orders in it."""
    with timed_step(progress, "reading the purchase log"):
        return from_log(read_log(connection, progress))


def from_log(log: Mapping[bytes, bytes]) -> Source:
    """The purchases that the log holds under its keys."""
    events_of, n_unreadable = events_by_user(log)
    rows = list(_rows(events_of))
    if not rows:
        raise NotEnoughData("the purchase log holds no purchase; publish some first: nextup publish FILE")
    counts = {"records read": len(log), "left out: records that are neither a purchase nor a return": n_unreadable}
    return source(PURCHASE_LOG.name, _purchases(rows), counts)


def _rows(events_of: Mapping[str, Sequence[UserEvent]]) -> Iterator[_Row]:
    for user_id in sorted(events_of):
        for number, order in enumerate(kept_orders(events_of[user_id])):
            for line in order.lines:
                price = math.nan if line.price is None else line.price
                yield user_id, line.item_id, order.bought_at, number, line.quantity, price


def _purchases(rows: Sequence[_Row]) -> Purchases:
    user_id, item_id, at, order, quantity, price = zip(*rows, strict=True)
    return numbered(
        SourceLines(
            _ids(user_id),
            _ids(item_id),
            at=np.array(at) * MICROSECONDS,
            order=np.array(order),
            quantity=np.array(quantity),
            price=np.array(price),
        )
    )


def _ids(texts: Sequence[str]) -> Ids:
    distinct, code = np.unique(np.array(texts, dtype=object), return_inverse=True)
    return Ids(code, distinct.tolist())
