"""All questions, in the order in which a report shows them."""

from trainer.backtest.questions.after_each_purchase import AFTER_EACH_PURCHASE, AFTER_EACH_PURCHASE_FROZEN
from trainer.backtest.questions.mean_rank import MEAN_RANK
from trainer.backtest.questions.next_month import NEXT_MONTH
from trainer.backtest.questions.next_order import LAST_ORDER, LAST_ORDER_STANDING, NEXT_ORDER, NEXT_ORDER_STANDING

IN_QUICK = (NEXT_ORDER.name, AFTER_EACH_PURCHASE.name, NEXT_MONTH.name, MEAN_RANK.name)
"""What a quick backtest asks: no model is fit more than twice."""
QUESTIONS = {
    question.name: question
    for question in (
        NEXT_ORDER,
        NEXT_ORDER_STANDING,
        LAST_ORDER,
        LAST_ORDER_STANDING,
        AFTER_EACH_PURCHASE,
        AFTER_EACH_PURCHASE_FROZEN,
        NEXT_MONTH,
        MEAN_RANK,
    )
}
