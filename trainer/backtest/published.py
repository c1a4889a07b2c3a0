"""What others have published about the models of this backtest, and which of our figures comes nearest.

Only figures that their sources print as numbers. Those of the book chapter are of the bundled data, and
`chapter_factors` and `chapter_lstm` measure ours by its own protocol. The others are of shops that nobody else has:
beside them stands the figure of ours that asks the same, and a difference says as much about the shops as about the
models.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from trainer.backtest.results import Published, Row

CHAPTER = "TensorFlow Machine Learning Projects, chapter 9"
DECATHLON = "A. Carta, Building a RNN recommendation engine with TensorFlow (Decathlon, 2021)"
FANATICS = "Bought Together RNN (Fanatics), section 3.3"
AMAZON = "Recommender with soft data split (Amazon), table 1"

BOOK_CHAPTER = "book-chapter"
"""Goes by this name beside the questions; it is not one, because it asks each model in a way of its own."""
LISTS_OF_ORDERS = "the chapter's own: one list of five per order of the month after 2011-10-09"
LIST_BEFORE_LINES = "the chapter's own: one list of five before each line of the month after 2011-10-09"
PRECISION, ACCURACY = "precision at 5", "top-5 accuracy"
NEXT_MONTH = "next-month"

LONGER = "Several epochs at a falling rate, by Adam; the chapter learns for one, by plain gradient descent."
OTHER_SHOP = "Other data: {}."
ONE_ORDER = OTHER_SHOP.format(
    "sports articles; the source says more than 20% above. Its sequences of 20 hold the whole history of four users in "
    "five there; on the bundled data, whose orders have 20 lines, they hold the last order alone: one in ten of the "
    "items bought in the month after is among them, and more than one in three in the history that ALS learns from"
)
VIDEOS = OTHER_SHOP.format("videos, of which few are bought twice, the next week, bought items left out")


Values: TypeAlias = Mapping[tuple[str, str, str, int | None], float]
"""Our figures by question, model, metric and k."""


class Nearest(NamedTuple):
    """One of our figures."""

    question: str
    metric: str
    k: int | None


class OwnProtocol(NamedTuple):
    """The source's own protocol."""

    told: str
    """In words."""
    place: str
    """What measures ours by it: `module:function` under `trainer.backtest`, of a Chapter, a seed and a Progress. It is
    imported when it is wanted, for it brings large libraries along."""


class Figure(NamedTuple):
    """One published number."""

    source: str
    model: str
    """As in our tables."""
    metric: str
    """As the source calls it."""
    value: float
    ours: Nearest | OwnProtocol
    """Our figure that comes nearest; or how ours is measured as theirs was."""
    note: str = ""
    over: str = ""
    """The model whose figure is the unit, where the source tells a ratio."""


FIGURES = (
    Figure(CHAPTER, "popularity", PRECISION, 0.064, OwnProtocol(LISTS_OF_ORDERS, "chapter_factors:popularity")),
    Figure(CHAPTER, "als", PRECISION, 0.139, OwnProtocol(LISTS_OF_ORDERS, "chapter_factors:als")),
    Figure(CHAPTER, "matrix-factorization", PRECISION, 0.152, OwnProtocol(LISTS_OF_ORDERS, "chapter_factors:sgd")),
    Figure(CHAPTER, "bpr", PRECISION, 0.154, OwnProtocol(LISTS_OF_ORDERS, "chapter_factors:bpr")),
    Figure(CHAPTER, "popularity", ACCURACY, 0.012, OwnProtocol(LIST_BEFORE_LINES, "chapter_lstm:popularity")),
    Figure(CHAPTER, "transaction-lstm", ACCURACY, 0.071, OwnProtocol(LIST_BEFORE_LINES, "chapter_lstm:lstm"), LONGER),
    Figure(
        CHAPTER,
        "transaction-lstm-user",
        ACCURACY,
        0.252,
        OwnProtocol(LIST_BEFORE_LINES, "chapter_lstm:lstm_with_user"),
        LONGER,
    ),
    Figure(
        DECATHLON,
        "lstm-recency-attention",
        "precision over that of ALS",
        1.2,
        Nearest(NEXT_MONTH, "Precision", 5),
        ONE_ORDER,
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
    """The published figures beside which there is one of ours.

    `rows` are those of a backtest; `reproduced` are figures by a source's own protocol, by model and the source's
    name of the metric.
    """
    values = {(row.question, row.model, row.metric, row.k): row.value for row in rows}
    found = ((figure, _ours(figure, values, reproduced)) for figure in FIGURES)
    return tuple(
        Published(figure.source, figure.model, figure.metric, figure.value, ours, _protocol(figure.ours), figure.note)
        for figure, ours in found
        if ours is not None
    )


def _ours(figure: Figure, values: Values, reproduced: Mapping[tuple[str, str], float]) -> float | None:
    if isinstance(figure.ours, OwnProtocol):
        return reproduced.get((figure.model, figure.metric))
    question, metric, k = figure.ours
    ours = values.get((question, figure.model, metric, k))
    if not figure.over or ours is None:
        return ours
    unit = values.get((question, figure.over, metric, k))
    return ours / unit if unit else None


def _protocol(ours: Nearest | OwnProtocol) -> str:
    if isinstance(ours, OwnProtocol):
        return ours.told
    metric = ours.metric if ours.k is None else f"{ours.metric}@{ours.k}"
    return f"{metric} of our question {ours.question}"
