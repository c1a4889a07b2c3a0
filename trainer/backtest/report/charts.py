"""The kinds of figure in a report, from plain values; sizes are in points, one of which is one unit of the SVG.

A figure is narrow enough that its text can still be read when a phone shows it in full.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter, PercentFormatter

from trainer.backtest.report.palette import ACCENT, BAR, INK, MUTED, RULE, SERIES
from trainer.backtest.report.svg import settings

WIDTH = 400.0
_POINTS_PER_INCH = 72.0
_BAR_HEIGHT = 17.0
_AXIS_HEIGHT = 44.0
_PLOT_HEIGHT = 240.0
_LEGEND_ROW_HEIGHT = 16.0
_LABEL_GAP = 13.0
_ROOM_FOR_NAMES = 1.45
_ROOM_AT_ENDS = 0.22
_MARKERS_PER_LINE = 12
_GROUP_WIDTH = 10
_LEGEND: dict[str, Any] = {
    "loc": "outside lower center",
    "frameon": False,
    "labelcolor": INK.light,
    "fontsize": 9.5,
}
_MARKERS = "osD^vP"
_DOTTED = (0, (1, 1.5))


@dataclass(frozen=True)
class Bar:
    """One bar with its interval; `low` and `high` equal `value` where there is none."""

    label: str
    value: float
    low: float
    high: float
    text: str
    """What is written at its end."""
    stands_out: bool = False


@dataclass(frozen=True)
class Line:
    """One series: a value for each x, and an interval around it where there is one."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    look: int = 0
    """Number of its colour and marker."""
    is_faint: bool = False
    """Without markers, and dotted: it goes along with another of the same colour."""


@dataclass(frozen=True)
class Dot:
    """One point of a scatter; only those with a label are named, and stand out."""

    x: float
    y: float
    label: str = ""


@dataclass(frozen=True)
class Names:
    """What the axes of a figure show."""

    x: str
    y: str


def bar_chart(bars: Sequence[Bar], axis: str, is_logarithmic: bool = False) -> Figure:
    """Horizontal bars, one or more, the first on top; they begin at zero, on a logarithmic axis at a power of ten."""
    with _axes(_AXIS_HEIGHT + _BAR_HEIGHT * len(bars)) as axes:
        places = range(len(bars))
        if is_logarithmic:
            axes.set_xscale("log")
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.tick_params(which="minor", length=0)
        axes.set(xlim=_limits(bars, is_logarithmic), ylim=(len(bars) - 0.4, -0.6), xlabel=axis)
        colours = [(ACCENT if bar.stands_out else BAR).light for bar in bars]
        axes.barh(places, [bar.value for bar in bars], color=colours, height=0.7)
        axes.hlines(places, [bar.low for bar in bars], [bar.high for bar in bars], color=INK.light, linewidth=1.2)
        for place, bar in zip(places, bars, strict=True):
            end = (bar.high, place)
            axes.annotate(bar.text, end, (5, 0), textcoords="offset points", va="center", color=INK.light, fontsize=9.5)
        axes.set_yticks(places, [bar.label for bar in bars])
        axes.tick_params(axis="y", length=0, labelcolor=INK.light)
        axes.grid(visible=False, axis="y")
        axes.spines["left"].set_visible(False)
        return _figure_of(axes)


def line_chart(lines: Sequence[Line], names: Names, groups: Sequence[str] = ()) -> Figure:
    """Series with their intervals as bands, from zero up; `groups` names x = 0, 1, ... where x numbers groups."""
    with _axes(_PLOT_HEIGHT, n_series=len(lines)) as axes:
        _draw(axes, lines, names)
        if groups:
            labels = ["\n".join(wrap(group, _GROUP_WIDTH, break_on_hyphens=False)) for group in groups]
            axes.set_xticks(range(len(groups)), labels)
        axes.set_ylim(bottom=0.0)
        return _figure_of(axes)


def loss_chart(lines: Sequence[Line]) -> Figure:
    """How losses fell, epoch by epoch."""
    with _axes(_PLOT_HEIGHT, n_series=len(lines), n_columns=1) as axes:
        _draw(axes, lines, Names("epoch", "loss"), n_columns=1)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        return _figure_of(axes)


def calibration_chart(lines: Sequence[Line], names: Names) -> Figure:
    """Promised against kept probability, with the diagonal on which they are equal."""
    with _axes(_PLOT_HEIGHT, n_series=len(lines)) as axes:
        _draw(axes, lines, names)
        most = 1.05 * max((value for line in lines for value in (*line.x, *line.y)), default=1.0)
        axes.plot([0.0, most], [0.0, most], color=MUTED.light, linewidth=1.0, linestyle=(0, (2, 3)))
        axes.set(xlim=(0.0, most), ylim=(0.0, most))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_formatter(PercentFormatter(1.0))
        return _figure_of(axes)


def scatter_chart(dots: Sequence[Dot], names: Names) -> Figure:
    """Points of which those with a label stand out; labels keep clear of each other."""
    with _axes(_PLOT_HEIGHT * 1.2) as axes:
        for colour, is_named in ((BAR, False), (ACCENT, True)):
            chosen = [dot for dot in dots if bool(dot.label) is is_named]
            axes.scatter([dot.x for dot in chosen], [dot.y for dot in chosen], s=28, color=colour.light, zorder=2)
        axes.set(xlim=(0.0, _ROOM_FOR_NAMES * max(dot.x for dot in dots)), xlabel=names.x, ylabel=names.y)
        axes.set_ylim(0.0, 1.15 * max(dot.y for dot in dots))
        _label(axes, sorted((dot for dot in dots if dot.label), key=lambda dot: dot.y))
        return _figure_of(axes)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Places from low to high, moved up just so far that neighbours are `gap` apart.

    >>> spread([40.0, 95.0, 100.0], gap=12.0)
    [40.0, 95.0, 107.0]
    """
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    return moved


@contextmanager
def _axes(height: float, n_series: int = 0, n_columns: int = 2) -> Iterator[Axes]:
    """Bare axes in the page's look, with room for a legend of so many series in so many columns."""
    rows = math.ceil(n_series / n_columns)
    with settings():
        size = (WIDTH / _POINTS_PER_INCH, (height + rows * _LEGEND_ROW_HEIGHT) / _POINTS_PER_INCH)
        axes = Figure(figsize=size, layout="constrained").subplots()
        axes.set_axisbelow(True)
        axes.grid(color=RULE.light, linewidth=0.7)
        axes.tick_params(color=RULE.light, labelcolor=MUTED.light, labelsize=9.5)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color(RULE.light)
        axes.xaxis.label.set_color(MUTED.light)
        axes.yaxis.label.set_color(MUTED.light)
        yield axes


def _draw(axes: Axes, lines: Sequence[Line], names: Names, n_columns: int = 2) -> None:
    for line in lines:
        _draw_line(axes, line)
    axes.set(xlabel=names.x, ylabel=names.y)
    if lines:
        _figure_of(axes).legend(**_LEGEND, ncols=n_columns)


def _draw_line(axes: Axes, line: Line) -> None:
    colour = SERIES[line.look % len(SERIES)].light
    axes.plot(
        line.x,
        line.y,
        label=line.label,
        color=colour,
        linewidth=1.7,
        linestyle=_DOTTED if line.is_faint else "-",
        marker=None if line.is_faint else _MARKERS[line.look % len(_MARKERS)],
        markevery=math.ceil(len(line.x) / _MARKERS_PER_LINE) or 1,
        markersize=5,
    )
    if line.low:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.13, linewidth=0)


def _label(axes: Axes, dots: Sequence[Dot]) -> None:
    """Names to the right of points, or above that, where nothing lies if no point is better than these."""
    figure = _figure_of(axes)
    figure.draw_without_rendering()  # until then nobody knows where a point lies on the paper
    y = (axes.transData.transform([(dot.x, dot.y) for dot in dots])[:, 1] * _POINTS_PER_INCH / figure.dpi).tolist()
    for dot, own, place in zip(dots, y, spread(y, _LABEL_GAP), strict=True):
        offset = (7, place - own)
        axes.annotate(dot.label, (dot.x, dot.y), offset, textcoords="offset points", va="center", color=INK.light)


def _limits(bars: Sequence[Bar], is_logarithmic: bool) -> tuple[float, float]:
    """Ends of the axis, with room for what is written at the ends of bars."""
    top = max(bar.high for bar in bars)
    if not is_logarithmic:
        return 0.0, (1.0 + _ROOM_AT_ENDS) * top or 1.0
    shortest = min(bar.value for bar in bars)
    first = 10.0 ** math.floor(math.log10(shortest * 0.7))  # so that no bar begins where it ends
    return first, top * (top / first) ** _ROOM_AT_ENDS


def _figure_of(axes: Axes) -> Figure:
    figure = axes.get_figure(root=True)
    if figure is None:
        raise ValueError("these axes belong to no figure")
    return figure
