"""Counts and waiting times of the last minute."""

from streams.page.tally import BUCKET_S, SPAN_S, PerSecond, WaitingTimes


def test_what_happened_over_a_minute_ago_is_forgotten() -> None:
    bought = PerSecond()
    bought.count(1000.0, 3)
    bought.count(1000.0 + SPAN_S, 5)
    assert sum(bought.series(1000.0 + SPAN_S + 1)) == 5


def test_the_second_that_is_not_over_is_not_counted_yet() -> None:
    bought = PerSecond()
    bought.count(1000.2)
    assert bought.series(1000.9)[-1] == 0
    assert bought.series(1001.0)[-1] == 1


def test_a_minute_is_always_as_long() -> None:
    assert PerSecond().series(12345.6) == [0] * SPAN_S


def test_waiting_times_are_told_for_each_bucket_and_where_there_are_none_nothing_is() -> None:
    waits = WaitingTimes()
    for ms in range(1, 101):
        waits.add(1000.0, float(ms))
    series = waits.series(1000.0 + BUCKET_S)
    assert series[-1] == (None, None)
    assert series[-2] == waits.overall(1001.0) == (50.5, 99.01)


def test_waiting_times_of_over_a_minute_ago_do_not_count() -> None:
    waits = WaitingTimes()
    waits.add(1000.0, 9000.0)
    waits.add(1000.0 + SPAN_S, 10.0)
    assert waits.overall(1000.0 + SPAN_S + 1) == (10.0, 10.0)
