"""What the figures of a report show, and what is said of each to those who cannot see it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from markupsafe import Markup

from trainer.backtest.report import charts, wording
from trainer.backtest.report.charts import Bar, Dot, Line, Names
from trainer.backtest.report.svg import inline
from trainer.backtest.report.tables import Column, Mark, marked
from trainer.backtest.results import By, Curve, Row, Training

N_FEATURED = 5
"""Models that curves are drawn for: more than six lines in one figure nobody can follow."""

LEAST_SECONDS = 0.01
"""Where the axis of time begins at the earliest: a logarithm has no zero."""

AXES = {
    By.HISTORY_LENGTH: "orders that the user had placed before",
    By.RECENCY: "time since the user's last order",
    By.ITEM_POPULARITY: "place of the bought item among all items, by popularity",
    By.CALIBRATION: "probability that the model gave",
}


@dataclass(frozen=True)
class Picture:
    """A figure, and the line below it."""

    title: str
    svg: Markup
    caption: str = ""


def featured(best_first: Sequence[Row], simplest: str) -> tuple[str, ...]:
    """Models that curves are drawn for: the best, and the simplest to compare them with."""
    best = [row.model for row in best_first[:N_FEATURED]]
    has_simplest = any(row.model == simplest for row in best_first)
    return tuple(dict.fromkeys([*best, simplest] if has_simplest else best))


def looks(models: Sequence[str], known: Mapping[str, int]) -> dict[str, int]:
    """A look for each model, no two alike; those that are known keep theirs where nobody else has it.

    >>> looks(["a", "b", "c"], {"b": 0, "c": 0})
    {'a': 1, 'b': 0, 'c': 2}
    """
    kept: dict[int, str] = {}
    for model in models:
        if model in known:
            kept.setdefault(known[model], model)
    free = (look for look in count() if look not in kept)
    own = {model: look for look, model in kept.items()}
    return {model: own[model] if model in own else next(free) for model in models}


def comparison(key: str, best_first: Sequence[Row], column: Column) -> Picture:
    """All models by one metric."""
    cells = marked(best_first, column)
    bars = [
        Bar(row.model, row.value, row.low, row.high, wording.figure(row.value), cells[row.model].mark is Mark.BEST)
        for row in best_first
    ]
    said = (
        f"Best is {wording.told(best_first[0])}, last is {wording.told(best_first[-1])}; all are in the tables below."
    )
    title = f"{column.name} of all models"
    less = "; less is better" if column.lower_is_better else ""
    svg = inline(charts.bar_chart(bars, column.name), f"{key}-bars", title, said)
    return Picture(title, svg, f"Lines are 95% intervals by bootstrap over users{less}.")


def time_taken(key: str, best_first: Sequence[Row]) -> Picture:
    """Seconds of the same models in the same order."""
    seconds = [max(row.seconds, LEAST_SECONDS) for row in best_first]
    bars = [
        Bar(row.model, length, length, length, f"{row.seconds:,.1f}")
        for row, length in zip(best_first, seconds, strict=True)
    ]
    slowest = max(best_first, key=lambda row: row.seconds)
    title = "Time to fit and to answer"
    said = f"{slowest.model} takes longest, {wording.duration(slowest.seconds)}; all are in the tables below."
    svg = inline(charts.bar_chart(bars, "seconds", is_logarithmic=True), f"{key}-seconds", title, said)
    return Picture(title, svg, "In the same order; a step of the axis is ten times the time.")


def trade_off(key: str, rows: Sequence[Row], of_question: Column) -> Picture | None:
    """Precision against Product Converted Coverage; None unless at least two models have both.

    Where one item alone is right there is no precision, and the question's own metric stands in for it.
    """
    precision, pcc = Column("Precision", of_question.k), Column("PCC", of_question.k)
    if not any(_is(row, precision) for row in rows):
        precision = of_question
    x, y = ({row.model: row.value for row in rows if _is(row, column)} for column in (pcc, precision))
    both = [model for model in y if model in x]
    if len(both) < 2:
        return None
    front = unbeaten({model: (x[model], y[model]) for model in both})
    dots = [Dot(x[model], y[model], model if model in front else "") for model in both]
    title = f"{precision.name} against {pcc.name}"
    said = f"No other model is better on both than: {', '.join(front)}."
    svg = inline(charts.scatter_chart(dots, Names(pcc.name, precision.name)), f"{key}-tradeoff", title, said)
    return Picture(title, svg, "Named are the models than which no other is better on both.")


def unbeaten(points: Mapping[str, tuple[float, float]]) -> list[str]:
    """Names of the points than which no other is at least as good in both directions and better in one.

    >>> unbeaten({"a": (1.0, 3.0), "b": (2.0, 2.0), "c": (1.0, 2.0)})
    ['a', 'b']
    """
    return [
        name
        for name, (x, y) in points.items()
        if not any(u >= x and v >= y and (u, v) != (x, y) for u, v in points.values())
    ]


def curve_picture(key: str, by: By, curves: Sequence[Curve], looks: Mapping[str, int]) -> Picture:
    """One metric of several models along one quantity."""
    metric = curves[0].metric
    title = f"Calibration: {metric}" if by is By.CALIBRATION else f"{metric} by {by}"
    if by is By.CALIBRATION:
        lines = [_line(curve, [point.x for point in curve.points], looks) for curve in curves]
        figure = charts.calibration_chart(lines, Names(AXES[by], metric))
    else:
        groups = group_labels(curves)
        lines = [_line(curve, [groups.index(point.label) for point in curve.points], looks) for curve in curves]
        figure = charts.line_chart(lines, Names(AXES[by], metric), groups)
    said = f"Lines of {', '.join(curve.model for curve in curves)}; the figures are in the table below."
    return Picture(title, inline(figure, f"{key}-{by.name.lower()}", title, said))


def group_labels(curves: Iterable[Curve]) -> list[str]:
    """Groups of all curves in the order in which they lie on the axis."""
    places = {point.label: point.x for curve in curves for point in curve.points}
    return sorted(places, key=lambda label: places[label])


def losses(key: str, model: str, trainings: Sequence[Training]) -> Picture:
    """How the loss of one model fell, in each of its fits."""
    title = f"Loss of {model}"
    lines = [line for look, training in enumerate(trainings) for line in _loss_lines(training, look)]
    ends = "; ".join(f"{one.fit}: {wording.figure(one.loss[-1])} after {len(one.loss)} epochs" for one in trainings)
    return Picture(title, inline(charts.loss_chart(lines), f"{key}-loss", title, f"{ends}."))


def _loss_lines(training: Training, look: int) -> list[Line]:
    """The loss, and dotted in the same colour the one on what was held out."""
    found = [Line(training.fit, range(1, len(training.loss) + 1), training.loss, look=look)]
    if training.validation:
        epochs = range(1, len(training.validation) + 1)
        found.append(Line(f"{training.fit}, held out", epochs, training.validation, look=look, is_faint=True))
    return found


def _line(curve: Curve, x: Sequence[float], looks: Mapping[str, int]) -> Line:
    points = curve.points
    low, high = [point.low for point in points], [point.high for point in points]
    return Line(curve.model, x, [point.value for point in points], low, high, looks[curve.model])


def _is(row: Row, column: Column) -> bool:
    return (row.metric, row.k) == (column.metric, column.k)
