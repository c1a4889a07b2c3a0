"""When the nightly run comes, and how it is ended."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from deploy.errors import SettingsError
from deploy.schedule import daily, every_time


def next_times(at: str, timezone: str, after: datetime, n: int) -> list[str]:
    trigger, found = daily(at, timezone), []
    for _ in range(n):
        due = trigger.get_next_fire_time(None, after)
        found.append(due.astimezone(UTC).strftime("%m-%d %H:%M"))
        after = due + timedelta(seconds=1)
    return found


def test_it_comes_at_the_time_of_the_zone_in_summer_and_winter() -> None:
    assert next_times("02:00", "Europe/Paris", datetime(2026, 7, 1, 12, tzinfo=UTC), 2) == [
        "07-02 00:00",
        "07-03 00:00",
    ]
    assert next_times("02:00", "Europe/Paris", datetime(2026, 1, 1, 12, tzinfo=UTC), 1) == ["01-02 01:00"]


def test_a_time_that_a_day_lacks_comes_an_hour_later_and_one_that_it_has_twice_comes_twice() -> None:
    spring, autumn = datetime(2026, 3, 28, 12, tzinfo=UTC), datetime(2026, 10, 24, 12, tzinfo=UTC)
    assert next_times("02:30", "Europe/Paris", spring, 2) == ["03-29 01:30", "03-30 00:30"]
    assert next_times("02:30", "Europe/Paris", autumn, 2) == ["10-25 00:30", "10-25 01:30"]


@pytest.mark.parametrize("at", ["24:00", "2", "02:60", "noon", "02:00:00"])
def test_what_is_no_time_of_day_is_refused(at: str) -> None:
    with pytest.raises(SettingsError, match="expected hh:mm"):
        daily(at, "UTC")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_a_zone_that_nobody_knows_is_refused(zone: str) -> None:
    with pytest.raises(SettingsError, match=r"nightly\.timezone is .*; expected a name"):
        daily("02:00", zone)


class Trigger:
    """Due at these moments, which lie in the past; asked for the next one when a run is over."""

    def __init__(self, n: int) -> None:
        self.asked: list[datetime] = []
        self._left = n

    def get_next_fire_time(self, previous: None, now: datetime) -> datetime:
        self.asked.append(now)
        if len(self.asked) > self._left:
            raise StopIteration
        return now - timedelta(seconds=1)


def test_the_next_time_is_looked_for_when_a_run_is_over() -> None:
    trigger = Trigger(3)
    ended: list[datetime] = []
    told: list[datetime] = []
    with pytest.raises(StopIteration):
        every_time(trigger, lambda: ended.append(datetime.now(UTC)), told.append)
    assert len(ended) == len(told) == 3
    assert all(over <= asked for over, asked in zip(ended, trigger.asked[1:], strict=True))


@pytest.mark.parametrize("service", [("nightly", "--at", "03:30"), ("refresh", "--daily")], ids=lambda words: words[0])
@pytest.mark.parametrize(("number", "code", "last"), [(signal.SIGTERM, 0, "stopped; "), (signal.SIGINT, 130, "")])
def test_waiting_for_the_night_ends_in_good_order(
    service: tuple[str, ...], number: signal.Signals, code: int, last: str
) -> None:
    command = [sys.executable, "-m", "deploy", *service]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stdout is not None
        assert "next run: " in waiting.stdout.readline()
        waiting.send_signal(number)
        lines, told = waiting.communicate(timeout=60)
    assert (waiting.returncode, told) == (code, "")
    assert lines.startswith(last)
    assert lines.count("\n") == (1 if last else 0)
