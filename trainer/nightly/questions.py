"""The newest orders, and the moments at which both versions are asked about them.

Each order is asked about twice, as the stream asks: on the visit, when the list may have been made anew, and right
after the user's order before, as the list that stands was made. The first is the question of the backtest about the
next order; the second, judged item by item, is that about what is bought after each purchase.
"""

from typing import NamedTuple

import numpy as np

from serving.features import PADDING, Int32s, ModelInputs
from trainer.backtest.metrics import Truths
from trainer.next_purchase.examples import Examples, inputs_of, visible_lines

MOST_ORDERS = 10_000
"""Of more, so many are asked about, spread evenly: their inputs are held in memory."""


class Asked(NamedTuple):
    """n orders, with items in the numbers of the log."""

    on_the_visit: ModelInputs
    right_after: ModelInputs
    bought: Truths
    """What was in each order: n sets."""
    user: Int32s
    """Whose order it was: [n]."""
    item_ids: tuple[str, ...]
    """The shop's own names, from FIRST_ITEM on."""

    def __len__(self) -> int:
        return len(self.user)


def asked_about(held_out: Examples) -> Asked:
    """The questions about these orders, or about so many of them."""
    rows = np.linspace(0, len(held_out) - 1, min(len(held_out), MOST_ORDERS)).astype(np.int64)
    examples = held_out.rows(rows)
    purchases = examples.moments.purchases
    lines, size = visible_lines(purchases), purchases.vocabulary_size
    targets = examples.targets
    row, place = np.nonzero(targets != PADDING)
    return Asked(
        inputs_of(lines, examples.moments, size),
        inputs_of(lines, examples.asked(np.zeros(len(examples))), size),
        Truths.sets(row, targets[row, place], len(examples)),
        examples.moments.user,
        purchases.item_ids,
    )
