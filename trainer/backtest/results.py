"""What a backtest found: plain values, ready for a report.

    Backtest
     ├── data, split      what was read, and where past and future part
     ├── questions        each with its protocol in words and its counts
     ├── rows             one figure each: question, model, metric, k, value, interval
     ├── curves           the same by something: history length, recency, popularity, calibration
     ├── trainings        how the loss fell, of models that were trained
     ├── failures         what could not be answered, and why
     └── published        what others have published, beside ours

Names of questions and models are those of the command line; everything else is told in words.
"""

from enum import StrEnum

from msgspec import Struct


class Row(Struct, frozen=True):
    """One figure."""

    question: str
    model: str
    metric: str
    """As in the field, without its k: Precision, Recall, MRR, MAP, NDCG, HitRate, Coverage, PCC, ..."""
    k: int | None
    """Length of the list that counts; None where the metric looks at the whole ranking."""
    value: float
    low: float
    """Lower end of the 95% interval, by bootstrap over users."""
    high: float
    seconds: float
    """Time that fit and answers took, of which what several questions share is counted for each."""


class By(StrEnum):
    """What a curve goes along."""

    HISTORY_LENGTH = "history length"
    """Orders that the user had placed before."""
    RECENCY = "recency"
    """Days since the user's last order."""
    ITEM_POPULARITY = "item popularity"
    """How often the bought item had been bought before, as its place in the catalogue."""
    CALIBRATION = "calibration"
    """The probability that the model gave, against the share that came true."""


class Point(Struct, frozen=True):
    """One group of answers."""

    label: str
    """The group in words: "2-3", "8-30 days", "top 1%"."""
    x: float
    """Where the group lies on the axis: the mean of what the curve goes along."""
    value: float
    low: float
    high: float
    n: int
    """Answers in the group; items bought, for item popularity; items listed, for calibration."""


class Curve(Struct, frozen=True):
    """A metric by groups of answers."""

    question: str
    model: str
    by: By
    metric: str
    """For example HitRate@5; for calibration "share that came true"."""
    points: tuple[Point, ...]


class Training(Struct, frozen=True):
    """How the loss of one fit fell: one value per epoch."""

    model: str
    fit: str
    """Which fit, in words: the past and the grain."""
    loss: tuple[float, ...]
    validation: tuple[float, ...] = ()
    """On what was held out of the past; empty where nothing was."""


class Failure(Struct, frozen=True):
    """A model that could not be fit, or did not answer; all others went on."""

    question: str
    model: str
    reason: str


class Count(Struct, frozen=True):
    """How many of what."""

    what: str
    n: int


class Asked(Struct, frozen=True):
    """One question, as it was asked."""

    name: str
    title: str
    """One line, without a full stop."""
    protocol: str
    """What was known, what was asked and what counts as right; paragraphs are separated by an empty line."""
    headline: tuple[str, int | None]
    """Metric and k that models are compared by."""
    counts: tuple[Count, ...]
    """Lists, users, bought items; among them items and users that nobody knew before."""
    lower_is_better: frozenset[str] = frozenset()
    """Metrics of which less is more, such as a rank."""


class Data(Struct, frozen=True):
    """What was read."""

    name: str
    counts: tuple[Count, ...]
    """Lines, users, orders, items, and what was left out."""
    first_at: str
    """Day of the first line, ISO 8601; empty where the data have no times."""
    last_at: str
    is_timed: bool = True
    notes: tuple[str, ...] = ()
    """What the data do not say and was taken for granted, each in a sentence."""


class Split(Struct, frozen=True):
    """Where past and future part."""

    at: str
    """First moment of the future: a day (ISO 8601), or the number of a line where the data have no times."""
    until: str
    lines_before: int
    lines_held_out: int


class Published(Struct, frozen=True):
    """A figure that somebody published, beside ours."""

    source: str
    """The paper or book, and where in it."""
    model: str
    """As in our tables."""
    metric: str
    """As the source calls it."""
    theirs: float
    ours: float
    protocol: str
    """What ours was measured with: the source's own protocol, or the question of ours that comes nearest."""
    note: str = ""
    """Why the two differ, where they do."""


class Backtest(Struct, frozen=True):
    """Everything that a report tells."""

    data: Data
    split: Split
    effort: str
    """quick or full"""
    seeds: tuple[int, ...]
    """Of chance; where there are several, figures are their means."""
    seconds: float
    questions: tuple[Asked, ...]
    rows: tuple[Row, ...]
    curves: tuple[Curve, ...] = ()
    trainings: tuple[Training, ...] = ()
    failures: tuple[Failure, ...] = ()
    published: tuple[Published, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()
    """Of this project and the libraries that computed: name, version."""
