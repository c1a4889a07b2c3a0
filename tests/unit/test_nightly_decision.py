"""What is released, by rule, margin and what was measured."""

from datetime import UTC, datetime

import pytest

from trainer.nightly.comparison import Compared, Comparison
from trainer.nightly.decision import decide, is_released, unsure, without_asking
from trainer.nightly.settings import NightlySettings, Rule

NOW = datetime(2011, 12, 9, tzinfo=UTC)
AHEAD = Compared(0.63, 0.61, 0.02, -0.005, 0.04)
CLEARLY_AHEAD = Compared(0.65, 0.61, 0.04, 0.015, 0.06)
EQUAL = Compared(0.61, 0.61, 0.0, -0.02, 0.02)
BEHIND = Compared(0.60, 0.61, -0.01, -0.03, 0.01)


@pytest.mark.parametrize(
    ("rule", "margin", "released"),
    [
        ("not-worse", 0.0, [CLEARLY_AHEAD, AHEAD, EQUAL]),
        ("not-worse", 0.01, [CLEARLY_AHEAD, AHEAD, EQUAL, BEHIND]),
        ("better", 0.0, [CLEARLY_AHEAD, AHEAD]),
        ("better", 0.02, [CLEARLY_AHEAD]),
        ("clearly-better", 0.0, [CLEARLY_AHEAD]),
        ("clearly-better", 0.015, []),
        ("always", 0.0, [CLEARLY_AHEAD, AHEAD, EQUAL, BEHIND]),
    ],
)
def test_a_rule_releases_what_leads_by_enough(rule: Rule, margin: float, released: list[Compared]) -> None:
    settings = NightlySettings(rule=rule, margin=margin)
    assert [each for each in (CLEARLY_AHEAD, AHEAD, EQUAL, BEHIND) if is_released(each, settings)] == released


def test_a_decision_tells_both_figures_the_interval_and_on_how_much_they_stand() -> None:
    comparison = Comparison(7, 1_204, 800, {"hit_rate_at_5": AHEAD, "accuracy_at_5": BEHIND})
    made = decide(NOW, comparison, NightlySettings())
    assert (made.at, made.released) == (NOW, True)
    assert made.reason == (
        "better: hit_rate_at_5 0.6300 against 0.6100 of version 7, a lead of +0.0200 (95%: -0.0050 to +0.0400) on "
        "1,204 orders of 800 customers that neither has seen"
    )
    assert made.figures["serving_version"] == 7
    assert made.figures["lead_accuracy_at_5"] == BEHIND.lead


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (NightlySettings(metric="accuracy_at_5"), "not better: accuracy_at_5"),
        (NightlySettings(metric="accuracy_at_5", rule="not-worse"), "worse: accuracy_at_5"),
        (NightlySettings(rule="clearly-better", margin=0.02), "not clearly better by more than 0.02: hit_rate_at_5"),
    ],
)
def test_a_refusal_begins_with_what_is_missing(settings: NightlySettings, words: str) -> None:
    comparison = Comparison(7, 1_204, 800, {"hit_rate_at_5": AHEAD, "accuracy_at_5": BEHIND})
    made = decide(NOW, comparison, settings)
    assert not made.released
    assert made.reason.startswith(words)


def test_where_nobody_can_tell_the_settings_say_what_is_done() -> None:
    kept = unsure(NOW, 3, 12, NightlySettings())
    released = unsure(NOW, 3, 12, NightlySettings(unsure="release"))
    assert (kept.released, released.released) == (False, True)
    assert kept.reason == released.reason
    assert "12 orders of returning customers that version 3 has not seen" in kept.reason


def test_the_first_version_needs_no_comparison() -> None:
    assert without_asking(NOW, "the first version").released
