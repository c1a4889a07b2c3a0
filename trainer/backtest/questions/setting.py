"""What all questions are made from: the pasts that models learn from, and how many answers are asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trainer.backtest.held_out import HeldOut
from trainer.purchases import Purchases


@dataclass(frozen=True)
class Past:
    """What models are fit on."""

    name: str
    purchases: Purchases


@dataclass(frozen=True)
class Setting:
    """The data and what was chosen about them; one object for all questions, so that they share their pasts."""

    held_out: HeldOut
    """Of customers with a name: who is asked what they buy next time must be known again."""
    everybody: HeldOut
    """The same with those who bought without a name, for questions about single lines; may be the same object."""
    seed: int = 0
    max_lists: int = 1_000_000
    """Once there are so many answers, those of all other users are left out, in an order drawn by chance."""
    bars_open_order: bool = True

    @cached_property
    def before_split(self) -> Past:
        return Past("all orders before the split", self.held_out.past)

    @cached_property
    def lines_before_split(self) -> Past:
        return Past("all lines before the split", self.everybody.past)

    @cached_property
    def is_last_order(self) -> NDArray[np.bool_]:
        """Which lines are in the last order of a user who has placed at least two: [n]."""
        purchases = self.held_out.purchases
        line, first, _ = purchases.by_user
        n_before = purchases.user_order[line[first[1:] - 1]][purchases.user]
        is_last: NDArray[np.bool_] = (purchases.user_order == n_before) & (n_before > 0)
        return is_last

    @cached_property
    def without_last_orders(self) -> Past:
        kept = self.held_out.purchases.chosen(~self.is_last_order)
        return Past("all orders but each user's last", kept)

    def sampled(self, user: NDArray[np.integer]) -> NDArray[np.bool_]:
        """Which answers are asked for, given the user of each: all of a user's, or none: [n]."""
        users, number, n_answers = np.unique(user, return_inverse=True, return_counts=True)
        drawn = np.random.default_rng(self.seed).permutation(len(users))
        is_asked = np.empty(len(users), np.bool_)
        is_asked[drawn] = np.cumsum(n_answers[drawn]) - n_answers[drawn] < self.max_lists
        return is_asked[number]
