"""What those buy who buy alike: a linear autoencoder of low rank.

    X      =  users x items, in how many of their orders   ~   U S V'
    score  =  x V (S^2 / (S^2 + l)) V'

Closed form of the ridge regression from X to itself through so few columns: Jin et al. 2021, "Towards a better
understanding of linear models for recommendation" (arXiv:2105.12937), section 3. Where `companions` asks which items
go together, this also asks how often they are bought.
"""

from typing import NamedTuple

import numpy as np

from serving.features import Float32s
from trainer.models.histories import orders_by_user
from trainer.next_purchase.factors import factored
from trainer.purchases import Purchases

PENALTY = 100.0
"""l"""


class Habits(NamedTuple):
    """V items in W columns."""

    items: Float32s
    """V: [V, W]"""
    kept: Float32s
    """S^2 / (S^2 + l): [W]"""


def habits(past: Purchases, width: int) -> Habits:
    """Of all users; at most `width` columns."""
    items, values = factored(orders_by_user(past).T.tocsr(), width)
    squares = values.astype(np.float64) ** 2
    return Habits(items, (squares / (squares + PENALTY)).astype(np.float32))
