"""What a backtest could have found: small, and with everything in it that a report tells."""

from typing import Any
from xml.etree import ElementTree

import msgspec

from trainer.backtest.results import (
    Asked,
    Backtest,
    By,
    Count,
    Curve,
    Data,
    Failure,
    Point,
    Published,
    Row,
    Split,
    Training,
)

NASTY = '<script>alert("x")</script> & $a$ [bold]'
"""A name that means something in HTML, in matplotlib and in rich."""

POPULARITY, FREQUENCY, NEXT_PURCHASE = "popularity", "own-frequency", "next-purchase"

MONTH = Asked(
    "next-month",
    "What is bought in the month after",
    "One list for each user.\n\nRight is what the user buys.",
    ("Precision", 5),
    (Count("lists", 1_106), Count("items that nobody knew before", 318)),
)
RANK = Asked(
    "mean-rank", "Where the next item stands", "One paragraph.", ("MeanRank", None), (), frozenset({"MeanRank"})
)


def row(model: str, metric: str, k: int | None, value: float, half: float, question: str = MONTH.name) -> Row:
    return Row(question, model, metric, k, value, value - half, value + half, 2.5)


ROWS = (
    row(POPULARITY, "Precision", 5, 0.087, 0.01),
    row(POPULARITY, "PCC", 5, 0.01, 0.001),
    row(POPULARITY, "Precision", 10, 0.08, 0.01),
    row(FREQUENCY, "Precision", 5, 0.309, 0.02),
    row(FREQUENCY, "PCC", 5, 0.05, 0.001),
    row(FREQUENCY, "Precision", 10, 0.3, 0.001),
    row(NEXT_PURCHASE, "Precision", 5, 0.326, 0.02),
    row(NEXT_PURCHASE, "PCC", 5, 0.04, 0.001),
    row(NEXT_PURCHASE, "Precision", 10, 0.31, 0.001),
    row(POPULARITY, "MeanRank", None, 812.5, 10.0, RANK.name),
    row(NEXT_PURCHASE, "MeanRank", None, 311.25, 10.0, RANK.name),
)


def curve(model: str, by: By, *points: tuple[str, float]) -> Curve:
    told = (
        Point(label, float(place), value, value - 0.05, value + 0.05, 40) for place, (label, value) in enumerate(points)
    )
    return Curve(MONTH.name, model, by, "Precision@5", tuple(told))


CURVES = (
    curve(NEXT_PURCHASE, By.HISTORY_LENGTH, ("1", 0.2), ("2-3", 0.3), ("4+", 0.4)),
    curve(FREQUENCY, By.HISTORY_LENGTH, ("1", 0.1), ("2-3", 0.3)),
    curve(NEXT_PURCHASE, By.CALIBRATION, ("0-10%", 0.1), ("10-20%", 0.2)),
)
BACKTEST = Backtest(
    Data(
        "shop.csv",
        (Count("lines", 397_884),),
        "2010-12-01",
        "2011-12-09",
        notes=("Lines of one moment are one order.",),
    ),
    Split("2011-10-09", "2011-11-09", 300_000, 64_460),
    "full",
    (7,),
    61.0,
    (MONTH, RANK),
    ROWS,
    CURVES,
    (Training(NEXT_PURCHASE, "orders before the split", (3.0, 2.0), (3.5, 2.5)),),
    (Failure(RANK.name, FREQUENCY, "it ranks nothing"), Failure("next-order", "every model", "no user came twice")),
    (
        Published("A book, chapter 9", POPULARITY, "precision@5", 0.064, 0.087, "next-month", "other users"),
        Published("A paper, table 1", FREQUENCY, "Precision@1", 0.075, 0.065, "next-month"),
    ),
    (("numpy", "2.4.6"),),
)


def renamed(backtest: Backtest, old: str, new: str) -> Backtest:
    """With another name wherever a model is named."""
    document: dict[str, Any] = msgspec.to_builtins(backtest)
    for told in (*document["rows"], *document["curves"], *document["trainings"]):
        told["model"] = new if told["model"] == old else told["model"]
    return msgspec.convert(document, Backtest)


def parsed(page: str) -> ElementTree.Element:
    """A page or a figure as a tree; ParseError where it is not well-formed."""
    return ElementTree.fromstring(page)  # noqa: S314 - our own
