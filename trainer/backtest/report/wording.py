"""How the report writes figures."""

import math

from trainer.backtest.results import Row

NOTHING = "–"
"""Stands where there is no figure."""


def figure(value: float) -> str:
    """Three decimals for shares, one for numbers above ten; a dash for what is not a number.

    >>> figure(0.31997), figure(1234.56), figure(float("nan"))
    ('0.320', '1,234.6', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    return f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}"


def signed(difference: float) -> str:
    """
    >>> signed(0.0123), signed(-12.5), signed(float("nan"))
    ('+0.012', '−12.5', '–')
    """
    text = figure(abs(difference))
    return text if text == NOTHING else f"{'−' if difference < 0 else '+'}{text}"


def interval(low: float, high: float) -> str:
    """
    >>> interval(0.308, 0.332)
    '0.308 to 0.332'
    """
    return f"{figure(low)} to {figure(high)}"


def duration(seconds: float) -> str:
    """
    >>> duration(0.254), duration(12.4), duration(154)
    ('0.3 s', '12 s', '2 min 34 s')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def told(row: Row) -> str:
    """A row in words."""
    return f"{row.model} with {figure(row.value)} ({interval(row.low, row.high)})"
