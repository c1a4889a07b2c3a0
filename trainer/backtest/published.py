"""What others have published about the models of this backtest, and which of our figures comes nearest.

Only figures that their sources print as numbers. Those of the book chapter are of the same data, and `chapter` and
`chapter_lstm` measure ours by its own protocol. The others are of shops that nobody else has: beside them stands
the figure of ours that asks the same, and a difference says as much about the shops as about the models.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from trainer.backtest.results import Published, Row

CHAPTER = "TensorFlow Machine Learning Projects, chapter 9"
DECATHLON = "A. Carta, Building a RNN recommendation engine with TensorFlow (Decathlon, 2021)"
FANATICS = "Bought Together RNN (Fanatics), section 3.3"
AMAZON = "Recommender with soft data split (Amazon), table 1"

LISTS_OF_ORDERS = "the chapter's own: one list of five per order of the month after 2011-10-09"
LIST_BEFORE_LINES = "the chapter's own: one list of five before each line of the month after 2011-10-09"
NEXT_MONTH = "next-month"

LONGER = "Several epochs at a falling rate, by Adam; the chapter learns for one, by plain gradient descent."
OTHER_SHOP = "Other data: {}."
VIDEOS = OTHER_SHOP.format("videos, of which few are bought twice, the next week, bought items left out")


Values: TypeAlias = Mapping[tuple[str, str, str, int | None], float]
"""Our figures by question, model, metric and k."""


class Nearest(NamedTuple):
    """One of our figures."""

    question: str
    metric: str
    k: int | None


class Figure(NamedTuple):
    """One published number."""

    source: str
    model: str
    """As in our tables."""
    metric: str
    """As the source calls it."""
    value: float
    ours: Nearest | str
    """Our figure that comes nearest; or, in words, the source's own protocol, by which ours is measured."""
    note: str = ""
    over: str = ""
    """The model whose figure is the unit, where the source tells a ratio."""


FIGURES = (
    Figure(CHAPTER, "popularity", "precision at 5", 0.064, LISTS_OF_ORDERS),
    Figure(CHAPTER, "als", "precision at 5", 0.139, LISTS_OF_ORDERS),
    Figure(CHAPTER, "matrix-factorization", "precision at 5", 0.152, LISTS_OF_ORDERS),
    Figure(CHAPTER, "bpr", "precision at 5", 0.154, LISTS_OF_ORDERS),
    Figure(CHAPTER, "popularity", "top-5 accuracy", 0.012, LIST_BEFORE_LINES),
    Figure(CHAPTER, "transaction-lstm", "top-5 accuracy", 0.071, LIST_BEFORE_LINES, LONGER),
    Figure(CHAPTER, "transaction-lstm-user", "top-5 accuracy", 0.252, LIST_BEFORE_LINES, LONGER),
    Figure(
        DECATHLON,
        "lstm-recency-attention",
        "precision over that of ALS",
        1.2,
        Nearest(NEXT_MONTH, "Precision", 5),
        OTHER_SHOP.format("sports articles; the source says more than 20% above"),
        over="als",
    ),
    Figure(
        FANATICS,
        "word2vec-lstm",
        "mean rank of the next item, share of the catalogue",
        0.015,
        Nearest("mean-rank", "MeanRankShare", None),
        OTHER_SHOP.format("137,667 articles for fans of sports"),
    ),
    Figure(AMAZON, "predictor", "Precision@1", 0.072, Nearest(NEXT_MONTH, "Precision", 1), VIDEOS),
    Figure(AMAZON, "predictor-learnt-decay", "Precision@1", 0.074, Nearest(NEXT_MONTH, "Precision", 1), VIDEOS),
    Figure(AMAZON, "predictor-decay", "Precision@1", 0.075, Nearest(NEXT_MONTH, "Precision", 1), VIDEOS),
    Figure(AMAZON, "predictor", "PCC@1", 0.018, Nearest(NEXT_MONTH, "PCC", 1), VIDEOS),
    Figure(AMAZON, "predictor-learnt-decay", "PCC@1", 0.016, Nearest(NEXT_MONTH, "PCC", 1), VIDEOS),
    Figure(AMAZON, "predictor-decay", "PCC@1", 0.017, Nearest(NEXT_MONTH, "PCC", 1), VIDEOS),
)


def beside(rows: Sequence[Row], reproduced: Mapping[tuple[str, str], float]) -> tuple[Published, ...]:
    """Every published figure with ours, None where it was not measured.

    `rows` are those of a backtest; `reproduced` are figures by a source's own protocol, by model and the source's
    name of the metric.
    """
    values = {(row.question, row.model, row.metric, row.k): row.value for row in rows}
    return tuple(_beside(figure, values, reproduced) for figure in FIGURES)


def _beside(figure: Figure, values: Values, reproduced: Mapping[tuple[str, str], float]) -> Published:
    if isinstance(figure.ours, str):
        ours, protocol = reproduced.get((figure.model, figure.metric)), figure.ours
    else:
        ours, protocol = _of_question(figure, figure.ours, values), _in_words(figure.ours)
    return Published(figure.source, figure.model, figure.metric, figure.value, ours, protocol, figure.note)


def _of_question(figure: Figure, nearest: Nearest, values: Values) -> float | None:
    question, metric, k = nearest
    ours = values.get((question, figure.model, metric, k))
    if not figure.over or ours is None:
        return ours
    unit = values.get((question, figure.over, metric, k))
    return ours / unit if unit else None


def _in_words(nearest: Nearest) -> str:
    metric = nearest.metric if nearest.k is None else f"{nearest.metric}@{nearest.k}"
    return f"{metric} of our question {nearest.question}"
