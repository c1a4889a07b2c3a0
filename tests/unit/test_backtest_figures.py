"""Figures and curves of a walk whose answers are known, worked out by hand."""

import numpy as np
import pytest

from serving.features import PADDING
from tests.unit.test_backtest_questions import NEW, ORDERS, SPLIT, UNTIL, A, B, purchases_of
from trainer.backtest.answers import Answers, K
from trainer.backtest.described import asked, split
from trainer.backtest.figures import figures
from trainer.backtest.groups import curves, groups_of
from trainer.backtest.held_out import DAY_S, hold_out
from trainer.backtest.questions import lines, next_month
from trainer.backtest.questions.catalogue import QUESTIONS
from trainer.backtest.questions.question import Kind, Walk
from trainer.backtest.questions.setting import Setting
from trainer.backtest.ranking import NO_RANK
from trainer.backtest.results import By

BOUGHT = [NEW, A, B, B, A]
"""What Ann (2), Bob (2) and Dan buy, line by line; nobody had sold the first before the split."""
GIVEN = Answers(
    lists=np.array([row + [PADDING] * (K - len(row)) for row in ([A, B], [A], [A, B], [A], [B, A])], np.int32),
    probabilities=None,
    rank=np.array([NO_RANK, 1, 2, 2, 2]),
)


@pytest.fixture(scope="module")
def setting() -> Setting:
    held_out = hold_out(purchases_of(ORDERS), SPLIT * DAY_S, UNTIL * DAY_S)
    return Setting(held_out, held_out)


@pytest.fixture(scope="module")
def walk(setting: Setting) -> Walk:
    return lines.observed(setting)


def test_the_walk_is_the_one_that_was_worked_out(walk: Walk) -> None:
    assert walk.truths.item.tolist() == BOUGHT


EXPECTED = {
    ("Accuracy", 1): 1 / 5,
    ("Accuracy", 5): 3 / 5,
    ("OrderAccuracy", 1): (1 / 2 + 0 + 0) / 3,
    ("OrderAccuracy", 5): (1 / 2 + 1 / 2 + 1) / 3,
    ("MRR", 5): (0 + 1 + 1 / 2 + 0 + 1 / 2) / 5,
    ("Coverage", 1): 2 / 2,
    ("PCC", 1): 1 / 2,
    ("PCC", 5): 2 / 2,
}


@pytest.mark.parametrize(("metric", "k"), EXPECTED)
def test_lines_are_counted_singly_and_by_order(walk: Walk, metric: str, k: int) -> None:
    found = {(figure.metric, figure.k): figure.value for figure in figures(Kind.LINES, walk, GIVEN, seed=0)}
    assert found[metric, k] == pytest.approx(EXPECTED[metric, k])


def test_ranks_are_averaged_over_the_items_that_have_one(walk: Walk) -> None:
    found = {figure.metric: figure.value for figure in figures(Kind.RANKS, walk, GIVEN, seed=0)}
    assert found == {"MeanRank": 7 / 4, "MeanRankShare": 7 / 4 / 2}


def test_where_no_item_is_known_there_is_no_mean_rank(walk: Walk) -> None:
    nothing_known = GIVEN._replace(rank=np.full(5, NO_RANK))
    assert figures(Kind.RANKS, walk, nothing_known, seed=0) == ()


CURVES = {
    By.HISTORY_LENGTH: {"0": (1, 1), "1": (1 / 2, 2), "2-3": (1 / 2, 2)},
    By.RECENCY: {"7-29 days": (1 / 2, 4)},
    By.ITEM_POPULARITY: {"top 1%": (1, 2), "50-100%": (1 / 2, 2), "never sold before": (0, 1)},
}


@pytest.mark.parametrize("by", CURVES)
def test_a_curve_tells_the_share_of_hits_in_each_group_that_has_any(walk: Walk, by: By) -> None:
    drawn = {curve.by: curve for curve in curves(Kind.LINES, walk, groups_of(walk), GIVEN, seed=0)}
    assert {point.label: (point.value, point.n) for point in drawn[by].points} == CURVES[by]


def test_calibration_puts_what_was_listed_into_groups_by_probability(walk: Walk) -> None:
    sure, unsure = 0.95, 0.15
    hits = walk.truths.hits(GIVEN.lists)
    believed = GIVEN._replace(probabilities=np.where(hits, sure, unsure).astype(np.float32))
    (curve,) = curves(Kind.LINES, walk, (), believed, seed=0)
    n_listed, n_hits = int((GIVEN.lists != PADDING).sum()), int(hits.sum())
    assert [(point.label, point.value, point.n) for point in curve.points] == [
        ("10-20%", 0, n_listed - n_hits),
        ("90-100%", 1, n_hits),
    ]
    assert [point.x for point in curve.points] == pytest.approx([unsure, sure])


def test_a_question_counts_what_it_was_asked_about(setting: Setting) -> None:
    told = asked(QUESTIONS["next-month"], next_month.walk(setting))
    counts = {count.what: count.n for count in told.counts}
    assert counts == {
        "lists": 2,
        "users": 2,
        "users whom no model knew before": 0,
        "items bought": 3,
        "of which no model could know": 1,
        "items in the catalogue": 2,
        "lines learnt from": 5,
        "users who came for the first time, not asked": 1,
    }
    assert told.protocol.count("\n\n") == 1


def test_a_split_is_told_in_days_or_in_lines(setting: Setting) -> None:
    in_days = split(setting.held_out)
    assert (in_days.at, in_days.until) == ("1970-01-21", "1970-02-01")
    assert (in_days.lines_before, in_days.lines_held_out) == (5, 5)
    in_lines = split(hold_out(purchases_of(ORDERS, is_timed=False), 5, 10))
    assert (in_lines.at, in_lines.until) == ("5", "10")
