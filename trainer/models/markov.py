"""Streamed Markov: what was bought last decides what comes next.

    grain    the last thing     what is counted              where
    line     the last line      the line that followed it    markov_lines.py
    order    the last order     the order that followed it   markov_orders.py

Both count everybody's steps as the stream goes on, let the counts fade, and add what the user's own history
says. The settings are chosen by validation.
"""

from collections.abc import Sequence

from trainer.models.forgetting import Forgetting
from trainer.models.markov_lines import LineMarkovRanker, LineSettings
from trainer.models.markov_orders import OrderMarkovRanker, OrderSettings
from trainer.models.model import Grain, Ranker
from trainer.models.validation import chosen
from trainer.progress import Progress
from trainer.purchases import Purchases

LINES = (
    LineSettings(half_life=120, smoothing=5, own=0.1),
    LineSettings(half_life=60, smoothing=5, own=0.1),
    LineSettings(half_life=30, smoothing=5, own=0.1),
    LineSettings(half_life=365, smoothing=5, own=0.1),
    LineSettings(half_life=120, smoothing=5, own=0.5),
    LineSettings(half_life=120, smoothing=5, own=0),
)
ORDERS = (
    OrderSettings(half_life=120, smoothing=5, own=0.3),
    OrderSettings(half_life=365, smoothing=5, own=0.3),
    OrderSettings(half_life=120, smoothing=5, own=0.1),
    OrderSettings(half_life=120, smoothing=5, own=1.0),
)


class Markov:
    """Counts who follows whom.

    lines, orders: the settings to choose from, at either grain.
    """

    name = "markov"

    def __init__(self, lines: Sequence[LineSettings] = LINES, orders: Sequence[OrderSettings] = ORDERS) -> None:
        self._lines = lines
        self._orders = orders

    def fit(self, past: Purchases, grain: Grain, progress: Progress) -> Ranker:
        if grain is Grain.LINE:
            return _over_lines(past, chosen(self._lines, _over_lines, past, grain, progress))
        return _over_orders(past, chosen(self._orders, _over_orders, past, grain, progress))


def _over_lines(past: Purchases, settings: LineSettings) -> LineMarkovRanker:
    ranker = LineMarkovRanker(past.vocabulary_size, settings, Forgetting.of(past, settings.half_life))
    ranker.observe(past, 0, len(past))
    return ranker


def _over_orders(past: Purchases, settings: OrderSettings) -> OrderMarkovRanker:
    ranker = OrderMarkovRanker(past.vocabulary_size, settings, Forgetting.of(past, settings.half_life))
    ranker.observe(past, 0, len(past))
    return ranker
