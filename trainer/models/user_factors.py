"""Users and items as vectors that were learnt from the past and stand still since."""

import numpy as np
from numpy.typing import NDArray

from trainer.models.model import Frozen
from trainer.purchases import Float32s, Moments, Purchases


class UserFactorsRanker(Frozen):
    """score(user, item) = users[user] . items[item]; who was not in the past scores 0 for all items.

    users: [n_users, f], items: [V, f]; a bias of the items is a factor that is 1 for all users.
    """

    def __init__(self, past: Purchases, users: Float32s, items: Float32s) -> None:
        self._users = users
        self._items = items
        self._has_bought: NDArray[np.bool_] = np.diff(past.by_user.first) > 0

    def scores(self, moments: Moments) -> Float32s:
        known = moments.user < len(self._users)
        known[known] = self._has_bought[moments.user[known]]
        scores = np.zeros((len(moments), len(self._items)), np.float32)
        scores[known] = self._users[moments.user[known]] @ self._items.T
        return scores
