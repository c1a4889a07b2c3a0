"""How large the model is, and which of its parts take part: those at the grain of orders can be left out, to see what
each is worth."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trainer.next_purchase.examples import Examples
from trainer.settings import TrainerSettings

FEWEST_ORDERS, MOST_ORDERS = 16, 64


class Parts(NamedTuple):
    """What takes part in an answer about the next order; the popularity of all time always does."""

    lstm: bool = True
    """Whether orders are read; without it every user has the same taste."""
    repeat: bool = True
    """Whether the user's own items are scored one by one."""
    trends: bool = True
    """Whether trailing popularity moves all items; the repeat head sees it in any case."""
    rerank: bool = True
    """Whether there may be a second stage. It needs the repeat head."""


ALL_PARTS = Parts()


@dataclass(frozen=True)
class Architecture:
    """Sizes are widths of vectors, unless said otherwise."""

    vocabulary_size: int
    n_orders: int = FEWEST_ORDERS
    """Closed orders that the LSTM reads (S)."""
    embedding: int = 64
    state: int = 128
    item_dropout: float = 0.3
    state_dropout: float = 0.4
    parts: Parts = ALL_PARTS


def fitting(
    examples: Examples, vocabulary_size: int, settings: TrainerSettings, parts: Parts = ALL_PARTS
) -> Architecture:
    """Reads as many orders as nine of ten histories hold; the widths are those of the settings."""
    start, _, end = examples.moments.spans
    by_user = examples.moments.purchases.by_user.line
    order = examples.moments.purchases.user_order[by_user]
    n_orders = order[np.maximum(end - 1, 0)] - order[start] + 1
    most = int(np.clip(np.quantile(n_orders, 0.9), FEWEST_ORDERS, MOST_ORDERS))
    return Architecture(
        vocabulary_size, most, settings.embedding, settings.state, settings.item_dropout, settings.state_dropout, parts
    )
