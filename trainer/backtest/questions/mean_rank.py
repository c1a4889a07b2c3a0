"""The same walk as after each purchase, learning every night; but it is not a list that counts. All items are ranked,
and what counts is the rank of the one that is bought next: MeanRank, 1 being the best, and MeanRankShare,
the same as a share of the catalogue, so that 0.5 is chance.

Items that were sold for the first time after the split have no rank; they are counted and left out of the mean.
What lies in the open order is ranked last, so a line that repeats an item of its order ranks last.
"""

from trainer.backtest.questions import lines
from trainer.backtest.questions.question import Kind, Question

MEAN_RANK = Question(
    "mean-rank",
    "Which rank what is bought next has among all items",
    __doc__ or "",
    Kind.RANKS,
    ("MeanRankShare", None),
    lines.observed,
)
