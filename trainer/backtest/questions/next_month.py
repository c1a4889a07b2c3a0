"""Models learn from everything before the split. At the split one list is made for each user, and nothing is learnt
from then on.

Right is whatever the user buys between the split and the end of the month, bought before or not. Asked are the
users who had bought before the split and buy in the month; those who come for the first time are counted
and not asked. Items that were sold for the first time in the month count as bought, so they lower the recall of
everybody; no model can name them.
"""

import numpy as np

from trainer.backtest.metrics import Truths
from trainer.backtest.questions.question import Kind, Question, Step, Walk
from trainer.backtest.questions.setting import Setting
from trainer.errors import NotEnoughData
from trainer.models.model import Grain
from trainer.purchases import Moments


def walk(setting: Setting) -> Walk:
    """One step: all users at the split."""
    held_out = setting.held_out
    lines = slice(held_out.start, held_out.end)
    buyer, item = held_out.purchases.user[lines], held_out.purchases.item[lines]
    returns = buyer < held_out.past.n_users
    user = np.unique(buyer[returns])
    if not len(user):
        raise NotEnoughData("nobody who had bought before the split buys in the month after")
    asked = user[setting.sampled(user)]
    at_split = np.full(len(asked), held_out.start)
    moments = Moments(held_out.past, asked, at_split, np.full(len(asked), held_out.split_at), at_split)
    answers = np.isin(buyer, asked)
    truths = Truths.sets(np.searchsorted(asked, buyer[answers]), item[answers], len(asked))
    left_out = {
        "users who came for the first time, not asked": len(np.unique(buyer[~returns])),
        "users left out by chance": len(user) - len(asked),
    }
    return Walk(setting.before_split, Grain.ORDER, (Step(moments, truths),), left_out)


NEXT_MONTH = Question(
    "next-month", "What is bought in the month after", __doc__ or "", Kind.LISTS, ("Precision", 5), walk
)
