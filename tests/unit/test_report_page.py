"""The page of a backtest: what it tells, for everyone who reads it, with nothing fetched from anywhere."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from xml.etree import ElementTree

import msgspec
import pytest

from tests.made_up_backtest import BACKTEST, FREQUENCY, MONTH, NASTY, NEXT_PURCHASE, POPULARITY, RANK, parsed, renamed
from trainer.backtest.report import page
from trainer.backtest.results import Data, Split


@pytest.fixture(scope="module")
def html() -> str:
    return page.render(BACKTEST)


@pytest.fixture(scope="module")
def root(html: str) -> ElementTree.Element:
    return parsed(html)


def _text(element: ElementTree.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def _section(root: ElementTree.Element, title: str) -> ElementTree.Element:
    return next(one for one in root.iter("section") if one.findtext("h2") == title)


@dataclass
class Shown:
    """A table of the page, as text."""

    headings: list[str]
    rows: dict[str, list[str]]
    marks: dict[str, list[str]]


def _shown(table: ElementTree.Element) -> Shown:
    lines = {_text(line[0]): line[1:] for line in table.iterfind("tbody/tr")}
    return Shown(
        [_text(heading) for heading in table.iterfind("thead/tr/th")],
        {model: [_text(cell) for cell in cells] for model, cells in lines.items()},
        {model: [cell.get("class", "") for cell in cells] for model, cells in lines.items()},
    )


def test_the_page_fetches_nothing_from_anywhere(html: str, root: ElementTree.Element) -> None:
    assert re.findall(r"\w+://|url\((?!#)|@import|src=|<link|<img", html) == []
    assert all(element.get("href", "#").startswith("#") for element in root.iter())


def test_every_id_occurs_once_and_every_reference_has_its_target(root: ElementTree.Element) -> None:
    ids = [element.get("id") for element in root.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    assert set(_references(root)) <= set(ids)


def _references(root: ElementTree.Element) -> Iterator[str]:
    for element in root.iter():
        for name, value in element.attrib.items():
            if name in ("href", "clip-path"):
                yield re.sub(r"^url\(#|^#|\)$", "", value)
            elif name == "aria-labelledby":
                yield from value.split()


def test_every_figure_has_a_name_and_a_description(root: ElementTree.Element) -> None:
    figures = list(root.iter("svg"))
    assert len(figures) == 8  # three and two of the questions, two curves, one training
    assert all(
        figure.get("role") == "img" and figure.findtext("title") and figure.findtext("desc") for figure in figures
    )


def test_headings_go_down_one_step_at_a_time(root: ElementTree.Element) -> None:
    levels = [int(element.tag[1]) for element in root.iter() if re.fullmatch(r"h\d", element.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_each_question_tells_its_protocol_and_its_counts(root: ElementTree.Element) -> None:
    section = _section(root, MONTH.title)
    paragraphs = [_text(one) for one in section.findall("p")]
    assert paragraphs[1:3] == ["One list for each user.", "Right is what the user buys."]
    assert "items that nobody knew before 318" in _text(section)


def test_data_and_split_are_told_with_counts_and_what_was_taken_for_granted(root: ElementTree.Element) -> None:
    told = _text(_section(root, "Data and split"))
    for expected in (
        "lines 397,884",
        "before 2011-10-09",
        "lines held out 64,460",
        "Lines of one moment are one order.",
    ):
        assert expected in told


def test_a_table_shows_all_metrics_with_intervals_the_best_model_on_top(root: ElementTree.Element) -> None:
    shown = _shown(next(_section(root, MONTH.title).iter("table")))
    assert shown.headings == ["model", "Precision@5", "PCC@5", "seconds"]
    assert list(shown.rows) == [NEXT_PURCHASE, FREQUENCY, POPULARITY]
    assert shown.rows[NEXT_PURCHASE] == ["0.326 (best) 0.306–0.346", "0.040 0.039–0.041", "2.5"]


def test_the_best_and_what_reaches_it_are_marked(root: ElementTree.Element) -> None:
    marks = _shown(next(_section(root, MONTH.title).iter("table"))).marks
    assert {model: found[:2] for model, found in marks.items()} == {
        NEXT_PURCHASE: ["best", "other"],
        FREQUENCY: ["close", "best"],
        POPULARITY: ["other", "other"],
    }


def test_a_model_that_failed_is_told_with_its_reason_where_it_is_missing(root: ElementTree.Element) -> None:
    assert "own-frequency ( mean-rank ): it ranks nothing" in _text(_section(root, RANK.title))
    assert "it ranks nothing" not in _text(_section(root, MONTH.title))


def test_a_question_that_could_not_be_asked_is_told_at_a_glance(root: ElementTree.Element) -> None:
    assert "every model ( next-order ): no user came twice" in _text(_section(root, "At a glance"))


def test_published_figures_stand_beside_ours_by_source(root: ElementTree.Element) -> None:
    section = _section(root, "Published figures beside ours")
    book, paper = (_shown(table) for table in section.iter("table"))
    assert [_text(one) for one in section.findall("h3")] == ["A book, chapter 9", "A paper, table 1"]
    assert book.rows == {POPULARITY: ["precision@5", "0.064", "0.087", "+0.023", "next-month other users"]}
    assert paper.rows == {FREQUENCY: ["Precision@1", "0.075", "0.065", "−0.010", "next-month"]}


def test_groups_of_a_curve_are_told_in_figures_and_a_missing_one_leaves_a_gap(root: ElementTree.Element) -> None:
    table = next(one for one in _section(root, MONTH.title).iter("table") if _shown(one).headings[0] == "group")
    rows = _shown(table).rows
    assert _shown(table).headings == ["group", NEXT_PURCHASE, FREQUENCY]
    assert rows["2-3"] == ["0.300 0.250–0.350 n = 40"] * 2
    assert rows["4+"] == ["0.400 0.350–0.450 n = 40", "–"]


def test_names_are_shown_as_they_are_whatever_they_mean_in_html() -> None:
    root = parsed(page.render(renamed(BACKTEST, NEXT_PURCHASE, NASTY)))
    assert len(list(root.iter("script"))) == 1
    headings = [_text(one) for one in root.iter("th")]
    in_figures = [_text(one) for figure in root.iter("svg") for one in figure.iter("text")]
    assert NASTY in headings
    assert NASTY in in_figures


def test_a_backtest_in_which_nothing_could_be_answered_still_has_a_page() -> None:
    nothing = msgspec.structs.replace(BACKTEST, rows=(), curves=(), trainings=())
    root = parsed(page.render(nothing))
    assert "no model has answered" in _text(_section(root, "At a glance"))
    assert list(root.iter("svg")) == []


def test_data_without_times_are_split_at_a_line() -> None:
    untimed = msgspec.structs.replace(
        BACKTEST, data=Data("shop.csv", (), "", "", is_timed=False), split=Split("900", "1000", 899, 100), curves=()
    )
    root = parsed(page.render(untimed))
    assert "What happened before line 900 is the past" in _text(_section(root, "Data and split"))


def test_published_figures_have_a_page_where_no_question_was_asked() -> None:
    root = parsed(page.render(msgspec.structs.replace(BACKTEST, questions=(), rows=(), curves=(), failures=())))
    assert "precision@5" in _text(_section(root, "Published figures beside ours"))
