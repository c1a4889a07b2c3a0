"""Two lines over the last minute, as SVG: the figures stand beside them in words."""

from collections.abc import Sequence
from typing import NamedTuple

WIDTH, HEIGHT = 300, 84
TOP, BOTTOM = 6, 78
NICE = (1, 2, 5, 10)


class Series(NamedTuple):
    """One line: its name, and its values, oldest first; None where there is nothing to draw."""

    name: str
    values: Sequence[float | None]


def chart(label: str, series: Sequence[Series], unit: str) -> str:
    """An SVG that scales with its place. `label` is what a screen reader says; the first series is also filled."""
    most = nice_top(max((value for one in series for value in one.values if value is not None), default=0.0))
    lines = "".join(_line(number, one, most) for number, one in enumerate(series, 1))
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" preserveAspectRatio="none" role="img" aria-label="{label}">'
        f'<path class="rule" d="M0 {TOP}H{WIDTH}M0 {(TOP + BOTTOM) / 2:g}H{WIDTH}M0 {BOTTOM}H{WIDTH}"/>{lines}</svg>'
        f'<span class="scale" aria-hidden="true">{most:g}{unit}</span>'
    )


def nice_top(most: float) -> float:
    """The top of a scale: one, two or five times a power of ten.

    >>> nice_top(0), nice_top(37), nice_top(140)
    (1, 50, 200)
    """
    power = 1
    while most > 10 * power:
        power *= 10
    return next(power * step for step in NICE if most <= power * step)


def points(values: Sequence[float | None], most: float) -> list[list[tuple[float, float]]]:
    """Runs of neighbouring values as places in the picture."""
    step = WIDTH / max(len(values) - 1, 1)
    runs: list[list[tuple[float, float]]] = [[]]
    for number, value in enumerate(values):
        if value is None:
            runs.append([])
        else:
            runs[-1].append((number * step, BOTTOM - (BOTTOM - TOP) * min(value / most, 1)))
    return [run for run in runs if run]


def _line(number: int, series: Series, most: float) -> str:
    drawn = ""
    for run in points(series.values, most):
        # A value that stands alone is a short stroke.
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in (run if len(run) > 1 else [run[0], (run[0][0] + 2, run[0][1])]))
        if number == 1:
            drawn += f'<path class="area" d="M{run[0][0]:.1f} {BOTTOM}L{path}V{BOTTOM}Z"/>'
        drawn += f'<path class="line line-{number}" d="M{path}"/>'
    return drawn
