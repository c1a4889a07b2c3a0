"""Published figures beside ours."""

import pkgutil

import pytest

from trainer.backtest.published import AMAZON, CHAPTER, DECATHLON, FIGURES, Nearest, OwnProtocol, beside
from trainer.backtest.questions.catalogue import QUESTIONS
from trainer.backtest.results import Published, Row
from trainer.models import registry


def row(question: str, model: str, metric: str, k: int | None, value: float) -> Row:
    return Row(question, model, metric, k, value, value, value, seconds=1.0)


def found(published: tuple[Published, ...], source: str, model: str, metric: str) -> Published:
    (only,) = (one for one in published if (one.source, one.model, one.metric) == (source, model, metric))
    return only


def test_every_figure_is_of_a_model_and_a_question_that_there_are() -> None:
    models = {model for figure in FIGURES for model in (figure.model, figure.over) if model}
    assert models <= set(registry.ENTRIES)
    assert {figure.ours.question for figure in FIGURES if isinstance(figure.ours, Nearest)} <= set(QUESTIONS)


def test_ours_is_the_figure_of_the_question_that_comes_nearest() -> None:
    rows = [row("next-month", "predictor", "Precision", k, value) for k, value in ((1, 0.3), (5, 0.2))]
    one = found(beside(rows, {}), AMAZON, "predictor", "Precision@1")
    assert (one.theirs, one.ours) == (0.072, 0.3)


def test_a_ratio_is_compared_with_a_ratio() -> None:
    rows = [row("next-month", model, "Precision", 5, value) for model, value in LSTM_AND_ALS]
    assert found(beside(rows, {}), DECATHLON, *RATIO).ours == pytest.approx(1.5)
    assert beside(rows[:1], {}) == ()


LSTM_AND_ALS = (("lstm-recency-attention", 0.3), ("als", 0.2))
RATIO = ("lstm-recency-attention", "precision over that of ALS")


def test_a_figure_by_the_sources_own_protocol_is_not_taken_from_a_question_of_ours() -> None:
    rows = [row("after-each-purchase", "transaction-lstm", "Accuracy", 5, 0.5)]
    published = beside(rows, {("transaction-lstm", "top-5 accuracy"): 0.2})
    assert found(published, CHAPTER, "transaction-lstm", "top-5 accuracy").ours == 0.2
    assert len(published) == 1


def test_what_measures_a_figure_by_the_sources_own_protocol_can_be_found() -> None:
    own = [figure.ours.place for figure in FIGURES if isinstance(figure.ours, OwnProtocol)]
    assert len(own) == 7
    assert all(callable(pkgutil.resolve_name(f"trainer.backtest.{place}")) for place in own)
