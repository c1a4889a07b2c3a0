"""Quiet hours are wall time where the customer is, also in the nights when the clocks change."""

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.emails.zones import after_quiet_hours, is_quiet

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "UTC")
TIMES = st.builds(time, st.integers(0, 23), st.sampled_from((0, 30)))


@pytest.mark.parametrize(
    ("moment", "quiet_from", "quiet_until", "expected"),
    [
        ("2011-11-09T12:00+00:00", time(21), time(8), "2011-11-09T12:00+00:00"),
        ("2011-11-09T22:00+00:00", time(21), time(8), "2011-11-10T07:00+00:00"),
        ("2011-11-10T03:00+00:00", time(21), time(8), "2011-11-10T07:00+00:00"),
        ("2011-11-09T12:00+00:00", time(13), time(14), "2011-11-09T13:00+00:00"),
        ("2011-11-09T12:00+00:00", time(0), time(0), "2011-11-09T12:00+00:00"),
        # The night of 2012-03-25 has no 02:30 in Berlin, that of 2012-10-28 has two.
        ("2012-03-25T00:15+00:00", time(1), time(2, 30), "2012-03-25T01:30+00:00"),
        ("2012-10-28T00:15+00:00", time(1), time(2, 30), "2012-10-28T00:30+00:00"),
        ("2012-10-28T01:15+00:00", time(1), time(2, 30), "2012-10-28T01:30+00:00"),
        ("2012-03-24T22:00+00:00", time(21), time(8), "2012-03-25T06:00+00:00"),
    ],
)
def test_quiet_hours_end_by_the_customers_clock(
    moment: str, quiet_from: time, quiet_until: time, expected: str
) -> None:
    found = after_quiet_hours(datetime.fromisoformat(moment), BERLIN, quiet_from, quiet_until)
    assert found == datetime.fromisoformat(expected)


@settings(max_examples=500, deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    moment=st.datetimes(datetime(2010, 1, 1), datetime(2013, 1, 1), timezones=st.just(UTC)),
    quiet_from=TIMES,
    quiet_until=TIMES,
)
def test_what_waited_for_the_end_is_outside_of_them_and_was_inside_until_then(
    zone: ZoneInfo, moment: datetime, quiet_from: time, quiet_until: time
) -> None:
    end = after_quiet_hours(moment, zone, quiet_from, quiet_until)
    assert end >= moment
    assert not is_quiet(end, zone, quiet_from, quiet_until)
    assert end - moment <= timedelta(hours=25)
    if end > moment:
        assert is_quiet(moment, zone, quiet_from, quiet_until)
