"""Purchases from the purchase log: what was bought and not brought back, as the stream has it.

Orders of one moment are put in the order of the users' ids, as the log does not say who came first.
"""

from collections.abc import Mapping

from streams.contract.connection import KafkaConnection
from streams.contract.topics import PURCHASE_LOG
from trainer import purchase_history
from trainer.backtest.sources.source import Source, source
from trainer.progress import Progress, timed_step
from trainer.purchase_history import PurchaseHistory


def read(connection: KafkaConnection, progress: Progress) -> Source:
    """The whole log as of now; NotEnoughData where no user has two orders in it."""
    with timed_step(progress, "reading the purchase log"):
        return _source(purchase_history.read(connection, progress))


def from_log(log: Mapping[bytes, bytes]) -> Source:
    """The purchases that the log holds under its keys; NotEnoughData where it holds none."""
    return _source(purchase_history.from_log(log))


def _source(history: PurchaseHistory) -> Source:
    counts = {
        "records read": history.n_events + history.n_unreadable,
        "left out: records that are neither a purchase nor a return": history.n_unreadable,
    }
    return source(PURCHASE_LOG.name, history.purchases, counts)
