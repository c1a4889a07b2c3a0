"""One list is asked for before a whole order; right is whatever is in that order, bought before or not. A user is asked
about once, so all users count the same. Items that nobody had bought before count as bought; no model can name them.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from serving.features import Int64s
from trainer.backtest.metrics import Truths
from trainer.backtest.questions.question import Kind, Question, Step, Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.questions.stages import stages
from trainer.errors import NotEnoughData
from trainer.models.model import Grain
from trainer.purchases import Moments, Purchases

_CHRONOLOGICAL = """
Models learn from everything before the split. Asked about is the first order after it of each user who had bought
before it, however late it comes; users who never come back are not asked.
"""
_HIDDEN = """
The last order of each user with two orders or more is hidden, and models learn from all the others. That is how the
literature asks, and it lets the future in: what others bought later is known. So figures are comparable with
published ones, and better than anybody could be in time.
"""
_VISIT = """
The list is made at the moment of the order: how long the user has been away is known.
"""
_STANDING = """
The list is made right after the order before: how long the user will be away is not known.
"""
_OBSERVED = """
At midnight (UTC) the models that can learn from the stream are shown the day that is over.
"""


def chronological_on_the_visit(setting: Setting) -> Walk:
    """Each known user's first order after the split, in the order of time."""
    purchases = setting.held_out.purchases
    first, left_out = _first_orders(setting)
    steps = tuple(
        Step(_visits(purchases, chosen), _orders(purchases, chosen), (begin, end))
        for begin, end, chosen in _by_stage(purchases, setting.held_out.start, first)
    )
    return Walk(setting.before_split, Grain.ORDER, steps, left_out)


def chronological_standing(setting: Setting) -> Walk:
    """The same orders, asked for when the last order before the split was placed."""
    first, left_out = _first_orders(setting)
    step = _standing(setting.held_out.past, setting.held_out.purchases, first)
    return Walk(setting.before_split, Grain.ORDER, (step,), left_out)


def hidden_on_the_visit(setting: Setting) -> Walk:
    """Each user's last order, asked for when it was placed."""
    purchases, past = setting.held_out.purchases, setting.without_last_orders
    last, left_out = _last_orders(setting)
    # Positions among the lines that were kept: what is hidden is not there to be seen.
    before = np.append(0, np.cumsum(~setting.is_last_order))[last]
    moments = Moments(past.purchases, purchases.user[last], before, purchases.at[last], before)
    return Walk(past, Grain.ORDER, (Step(moments, _orders(purchases, last)),), left_out)


def hidden_standing(setting: Setting) -> Walk:
    """Each user's last order, asked for when the order before was placed."""
    last, left_out = _last_orders(setting)
    past = setting.without_last_orders
    return Walk(past, Grain.ORDER, (_standing(past.purchases, setting.held_out.purchases, last),), left_out)


def _first_orders(setting: Setting) -> tuple[Int64s, dict[str, int]]:
    """First line of each known user's first order after the split, in the order of time."""
    held_out = setting.held_out
    user = held_out.purchases.user[held_out.start :]
    users, first = np.unique(user, return_index=True)
    returns = users < held_out.past.n_users
    asked, left_out = _sampled(setting, held_out.start + first[returns])
    left_out["users who came for the first time, not asked"] = int((~returns).sum())
    return asked, left_out


def _last_orders(setting: Setting) -> tuple[Int64s, dict[str, int]]:
    """First line of each order that is hidden, in the order of time."""
    starts = setting.held_out.purchases.order_starts
    last = starts[setting.is_last_order[starts]]
    asked, left_out = _sampled(setting, last)
    left_out["users with a single order, not asked"] = setting.held_out.purchases.n_users - len(last)
    return asked, left_out


def _sampled(setting: Setting, first: Int64s) -> tuple[Int64s, dict[str, int]]:
    if not len(first):
        raise NotEnoughData("nobody comes back, so there is no next order to ask for")
    kept = np.sort(first[setting.sampled(setting.held_out.purchases.user[first])])
    return kept, {"users left out by chance": len(first) - len(kept)}


def _by_stage(purchases: Purchases, start: int, first: Int64s) -> Iterator[tuple[int, int, Int64s]]:
    """The asked orders of each stage, up to the last one that is asked for."""
    for begin, end in stages(purchases, start, int(first[-1]) + 1):
        yield begin, end, first[np.searchsorted(first, begin) : np.searchsorted(first, end)]


def _visits(purchases: Purchases, first: Int64s) -> Moments:
    return Moments(purchases, purchases.user[first], first, purchases.at[first], first)


def _standing(past: Purchases, purchases: Purchases, first: Int64s) -> Step:
    """The moments right after each user's newest order of the past, and the orders that came next."""
    line, starts, _ = past.by_user
    newest = line[starts[purchases.user[first] + 1] - 1]
    by_time = np.argsort(newest, kind="stable")
    before = newest[by_time] + 1
    moments = Moments(past, past.user[newest[by_time]], before, past.at[newest[by_time]], before)
    return Step(moments, _orders(purchases, first[by_time]))


def _orders(purchases: Purchases, first: Int64s) -> Truths:
    """The items of the orders that begin at these lines."""
    row = _rows(purchases, first)
    lines = row >= 0
    return Truths.sets(row[lines], purchases.item[lines], len(first))


def _rows(purchases: Purchases, first: Int64s) -> NDArray[np.int64]:
    """For each line the place of its order among the asked ones; -1 where it is none of them: [n]."""
    of_order = np.full(int(purchases.order.max()) + 1, -1)
    of_order[purchases.order[first]] = np.arange(len(first))
    return of_order[purchases.order]


def _question(name: str, title: str, *protocol: str) -> tuple[str, str, str]:
    return name, title, "".join(((__doc__ or ""), *protocol))


NEXT_ORDER = Question(
    *_question("next-order", "What is in the next order, on the visit", _CHRONOLOGICAL, _VISIT, _OBSERVED),
    Kind.LISTS,
    ("HitRate", 5),
    chronological_on_the_visit,
)
NEXT_ORDER_STANDING = Question(
    *_question(
        "next-order-standing", "What is in the next order, right after the one before", _CHRONOLOGICAL, _STANDING
    ),
    Kind.LISTS,
    ("HitRate", 5),
    chronological_standing,
)
LAST_ORDER = Question(
    *_question("last-order", "What is in the last order, hidden, on the visit", _HIDDEN, _VISIT),
    Kind.LISTS,
    ("HitRate", 5),
    hidden_on_the_visit,
)
LAST_ORDER_STANDING = Question(
    *_question(
        "last-order-standing", "What is in the last order, hidden, right after the one before", _HIDDEN, _STANDING
    ),
    Kind.LISTS,
    ("HitRate", 5),
    hidden_standing,
)
