"""What callers choose by name, and moments as they write them."""

from datetime import UTC, datetime

import pytest

from trainer.backtest.errors import NoMoment, UnknownName
from trainer.backtest.selection import moment, selected

KNOWN = ("popularity", "ease", "markov")


@pytest.mark.parametrize("wanted", [["markov,popularity"], ["markov", "popularity"], [" markov , popularity,markov"]])
def test_names_are_taken_one_by_one_or_joined_by_commas(wanted: list[str]) -> None:
    assert selected("model", wanted, KNOWN) == ("popularity", "markov")


def test_who_chooses_nothing_gets_nothing() -> None:
    assert selected("model", [], KNOWN) == ()


def test_an_unknown_name_is_refused_with_the_one_that_was_meant() -> None:
    with pytest.raises(UnknownName, match="there is no model 'markow'; did you mean markov"):
        selected("model", ["markow"], KNOWN)


def test_a_name_that_resembles_none_is_refused_with_all_there_are() -> None:
    with pytest.raises(UnknownName, match="known are popularity, ease, markov"):
        selected("model", ["xyz"], KNOWN)


@pytest.mark.parametrize("text", ["2011-10-09", "2011-10-09T00:00", "2011-10-09T02:00+02:00"])
def test_a_day_begins_at_midnight_utc(text: str) -> None:
    assert moment(text, is_timed=True) == int(datetime(2011, 10, 9, tzinfo=UTC).timestamp())


def test_without_times_a_moment_is_the_number_of_a_line() -> None:
    assert moment("1200", is_timed=False) == 1200


@pytest.mark.parametrize(("text", "is_timed"), [("9.10.2011", True), ("soon", True), ("2011-10-09", False)])
def test_what_is_no_moment_is_refused(text: str, is_timed: bool) -> None:
    with pytest.raises(NoMoment):
        moment(text, is_timed)
