"""Figures of the report: what they show, and in which colours."""

import re

import pytest

from tests.made_up_backtest import FREQUENCY, MONTH, NEXT_PURCHASE, POPULARITY, ROWS, parsed, row
from trainer.backtest.report import charts, palette, pictures
from trainer.backtest.report.svg import inline
from trainer.backtest.report.tables import Column
from trainer.backtest.results import By, Curve, Point, Row


def test_colours_of_a_figure_follow_the_page() -> None:
    svg = inline(charts.bar_chart([charts.Bar("a", 1.0, 0.5, 1.5, "1", stands_out=True)], "x"), "key", "t", "d")
    literal = {role.light for role in palette.ROLES}
    assert palette.ACCENT.variable in svg
    assert [colour for colour in re.findall(r"#[0-9a-f]{6}", svg) if colour in literal] == []


@pytest.mark.parametrize("value", [0.01, 0.1, 0.2, 1.0, 3_600.0])
@pytest.mark.parametrize("is_logarithmic", [False, True])
def test_a_single_bar_begins_and_ends_on_the_axis(value: float, is_logarithmic: bool) -> None:
    (axes,) = charts.bar_chart([charts.Bar("a", value, value, value, "")], "x", is_logarithmic).axes
    first, last = axes.get_xlim()
    assert first < value < last


def test_labels_are_moved_up_only_as_far_as_they_must() -> None:
    assert charts.spread([1.0, 2.0, 30.0, 31.0], gap=10.0) == [1.0, 11.0, 30.0, 40.0]


def test_curves_are_drawn_for_the_best_models_and_the_simplest_one() -> None:
    best_first = [row(f"m{n}", "Precision", 5, 1 - n / 10, 0.0) for n in range(8)]
    assert pictures.featured(best_first, "m7") == ("m0", "m1", "m2", "m3", "m4", "m7")
    assert pictures.featured(best_first, "m2") == ("m0", "m1", "m2", "m3", "m4")


def test_no_two_models_of_a_figure_look_alike_and_one_that_is_known_keeps_its_look() -> None:
    first = pictures.looks(["a", "b", "c"], {})
    second = pictures.looks(["d", "c", "e"], first)
    assert second["c"] == first["c"]
    assert len(set(second.values())) == 3


def test_groups_lie_on_the_axis_in_their_order_even_if_no_model_has_all() -> None:
    curves = [
        Curve("q", "a", By.RECENCY, "HitRate@5", (Point("10+", 30.0, 0, 0, 0, 1), Point("1", 1.0, 0, 0, 0, 1))),
        Curve("q", "b", By.RECENCY, "HitRate@5", (Point("2-9", 5.0, 0, 0, 0, 1),)),
    ]
    assert pictures.group_labels(curves) == ["1", "2-9", "10+"]


def _named_in_trade_off(rows: list[Row], of_question: Column) -> list[str]:
    picture = pictures.trade_off("key", rows, of_question)
    assert picture is not None
    written = ["".join(one.itertext()) for one in parsed(picture.svg).iter("text")]
    return [text for text in written if text in {POPULARITY, FREQUENCY, NEXT_PURCHASE}]


def test_precision_against_pcc_names_only_models_that_no_other_beats_on_both() -> None:
    rows = [one for one in ROWS if one.question == MONTH.name]
    assert _named_in_trade_off(rows, Column("HitRate", 5)) == [FREQUENCY, NEXT_PURCHASE]


def test_where_there_is_no_precision_the_metric_of_the_question_stands_in_for_it() -> None:
    rows = [row(POPULARITY, "Accuracy", 5, 0.1, 0.0), row(FREQUENCY, "Accuracy", 5, 0.2, 0.0)]
    rows += [row(POPULARITY, "PCC", 5, 0.01, 0.0), row(FREQUENCY, "PCC", 5, 0.05, 0.0)]
    assert _named_in_trade_off(rows, Column("Accuracy", 5)) == [FREQUENCY]


def test_there_is_no_such_figure_where_fewer_than_two_models_have_both() -> None:
    rows = [row(POPULARITY, "Precision", 5, 0.1, 0.0), row(FREQUENCY, "PCC", 5, 0.2, 0.0)]
    assert pictures.trade_off("key", rows, Column("Precision", 5)) is None


def test_long_names_of_groups_are_broken_between_words() -> None:
    line = charts.Line("a", [0, 1], [0.1, 0.2])
    (axes,) = charts.line_chart([line], charts.Names("x", "y"), ["50-100%", "never sold before"]).axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["50-100%", "never sold\nbefore"]
