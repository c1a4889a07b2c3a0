"""Figures of the report: what they show, and in which colours."""

import re

import pytest

from tests.made_up_backtest import FREQUENCY, MONTH, NEXT_PURCHASE, POPULARITY, ROWS, parsed, row
from trainer.backtest.report import charts, palette, pictures
from trainer.backtest.report.svg import inline
from trainer.backtest.report.tables import Column
from trainer.backtest.results import By, Curve, Point


def test_colours_of_a_figure_follow_the_page() -> None:
    svg = inline(charts.bar_chart([charts.Bar("a", 1.0, 0.5, 1.5, "1", stands_out=True)], "x"), "key", "t", "d")
    literal = {role.light for role in palette.ROLES}
    assert palette.ACCENT.variable in svg
    assert [colour for colour in re.findall(r"#[0-9a-f]{6}", svg) if colour in literal] == []


def test_each_role_has_a_light_value_of_its_own_by_which_it_is_found_in_figures() -> None:
    assert len({role.light for role in palette.ROLES}) == len(palette.ROLES)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_text_and_series_stand_out_from_the_page(mode: str) -> None:
    """WCAG 2.2: 4.5 to 1 for text (1.4.3), 3 to 1 for what must be told apart in figures (1.4.11)."""
    paper = getattr(palette.PAPER, mode)
    for role in (palette.INK, palette.MUTED, palette.ACCENT):
        assert _contrast(getattr(role, mode), paper) >= 4.5, role.name
    for mark in (palette.BEST, palette.CLOSE):
        assert _contrast(getattr(palette.INK, mode), getattr(mark, mode)) >= 4.5, mark.name
        assert _contrast(getattr(palette.MUTED, mode), getattr(mark, mode)) >= 4.5, mark.name
    for role in palette.SERIES:
        assert _contrast(getattr(role, mode), paper) >= 3.0, role.name


def _contrast(one: str, other: str) -> float:
    dark, light = sorted((_luminance(one), _luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def _luminance(colour: str) -> float:
    shares = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_curves_are_drawn_for_the_best_models_and_the_simplest_one() -> None:
    best_first = [row(f"m{n}", "Precision", 5, 1 - n / 10, 0.0) for n in range(8)]
    assert pictures.featured(best_first, "m7") == ("m0", "m1", "m2", "m3", "m4", "m7")
    assert pictures.featured(best_first, "m2") == ("m0", "m1", "m2", "m3", "m4")


def test_groups_lie_on_the_axis_in_their_order_even_if_no_model_has_all() -> None:
    curves = [
        Curve("q", "a", By.RECENCY, "HitRate@5", (Point("10+", 30.0, 0, 0, 0, 1), Point("1", 1.0, 0, 0, 0, 1))),
        Curve("q", "b", By.RECENCY, "HitRate@5", (Point("2-9", 5.0, 0, 0, 0, 1),)),
    ]
    assert pictures.group_labels(curves) == ["1", "2-9", "10+"]


def test_precision_against_pcc_names_only_models_that_no_other_beats_on_both() -> None:
    columns = Column("Precision", 5), Column("PCC", 5)
    picture = pictures.trade_off("key", [row for row in ROWS if row.question == MONTH.name], *columns)
    assert picture is not None
    named = ["".join(one.itertext()) for one in parsed(picture.svg).iter("text")]
    assert [name for name in named if name in {POPULARITY, FREQUENCY, NEXT_PURCHASE}] == [FREQUENCY, NEXT_PURCHASE]
