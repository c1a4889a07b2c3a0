"""Models learn from everything before the split. Then the held-out lines come up in the order in which they were
bought, and before each line its user is given a list. What the user has bought up to then is known, the earlier
lines of the same order included; what already lies in the open order is on nobody's list. Right is the line that
comes next, and nothing else.

All lines count: those of users who come for the first time, those that repeat an item of their order, and those
of items that were sold for the first time after the split, which no model can name. Accuracy is the share of lines
whose item was on the list before them; OrderAccuracy is the mean of that share over orders, so that a large order
counts no more than a small one.
"""

from trainer.backtest.questions import lines
from trainer.backtest.questions.question import Kind, Question

_OBSERVED = """
At midnight (UTC) the models that can learn from the stream are shown the day that is over.
"""
_FROZEN = """
Nothing is learnt on the way: what models know of others is what they knew at the split.
"""

AFTER_EACH_PURCHASE = Question(
    "after-each-purchase",
    "What is bought next, learning every night",
    f"{__doc__}{_OBSERVED}",
    Kind.LINES,
    ("Accuracy", 5),
    lines.observed,
)
AFTER_EACH_PURCHASE_FROZEN = Question(
    "after-each-purchase-frozen",
    "What is bought next, learning nothing on the way",
    f"{__doc__}{_FROZEN}",
    Kind.LINES,
    ("Accuracy", 5),
    lines.frozen,
)
