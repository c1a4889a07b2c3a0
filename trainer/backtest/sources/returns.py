"""What customers still have of what they bought, once what they brought back is taken out.

The rules are those of the stream: a return takes from its customer's orders before it, the newest first, in
an order from the first line on; a line of which nothing is left is gone. What an order of purchases takes
back, it takes out of itself. What was never bought changes nothing.
"""

import numpy as np

from serving.features import Int64s
from trainer.numbering import Bools, Numbers, SourceLines, in_time


def without_returned(lines: SourceLines) -> SourceLines:
    """What was bought and kept, with the quantities that are left; a negative quantity came back."""
    sequence, order = in_time(lines)
    user_and_item = lines.user.code * (lines.item.code.max(initial=0) + 1) + lines.item.code
    left = np.empty_like(lines.quantity)
    left[sequence] = left_of_lines(user_and_item[sequence], order, lines.quantity[sequence])
    return lines._replace(quantity=left).chosen(left > 0)


def left_of_lines(user_and_item: Int64s, order: Int64s, quantity: Numbers) -> Numbers:
    """How much is left of each line, 0 where it is a return: [n].

    The lines lie in the order of time. `user_and_item` is one number for all lines of one user and one item.
    """
    left = np.maximum(quantity, 0.0)
    returned = user_and_item[quantity < 0]
    from_itself = np.isin(order, order[quantity > 0])
    concerned = np.flatnonzero(np.isin(user_and_item, returned))
    by_item = concerned[np.argsort(user_and_item[concerned], kind="stable")]
    starts = np.flatnonzero(np.diff(user_and_item[by_item], prepend=-1))
    for lines in np.split(by_item, starts[1:]):
        _take_back(lines, order, from_itself, quantity, left)
    return left


def _take_back(lines: Int64s, order: Int64s, from_itself: Bools, quantity: Numbers, left: Numbers) -> None:
    """All returns of one item by one user, out of `left`."""
    bought = lines[quantity[lines] > 0]
    for returned in lines[quantity[lines] < 0]:
        is_own = order[bought] == order[returned]
        places = bought[is_own] if from_itself[returned] else _newest_first(bought[bought < returned], order)
        to_take = -quantity[returned]
        for line in places:
            taken = min(left[line], to_take)
            left[line] -= taken
            to_take -= taken


def _newest_first(lines: Int64s, order: Int64s) -> Int64s:
    """By orders; within an order as they lie."""
    return lines[np.lexsort((lines, -order[lines]))]
