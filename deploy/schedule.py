"""Something that is done every day at a time of a zone, one at a time."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NoReturn
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

from deploy.errors import SettingsError

NAP_S = 20.0
"""A machine that was suspended or whose clock was set looks at the time again after so long."""


def daily(at: str, timezone: str) -> CronTrigger:
    """Every day at hh:mm; SettingsError where the time or the name of the zone is none.

    A time that a day lacks because clocks are put forward comes an hour later; one that it has twice comes twice.
    """
    hour, _, minute = at.partition(":")
    if not re.fullmatch(r"([01]?\d|2[0-3]):[0-5]\d", at):
        raise SettingsError(f"{at!r} is no time of day; expected hh:mm, for example 02:00")
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SettingsError(
            f"nightly.timezone is {timezone!r}; expected a name of the IANA database, for example Europe/Paris"
        ) from None
    return CronTrigger(hour=hour, minute=minute, timezone=zone)


def every_time(trigger: CronTrigger, run: Callable[[], None], tell_next: Callable[[datetime], None]) -> NoReturn:
    """Run whenever the trigger says, until an exception ends it.

    The next time is looked for when a run has ended, so that runs never overlap; what was missed meanwhile, or while
    the machine slept, is made up for once.
    """
    while True:
        due = trigger.get_next_fire_time(None, datetime.now(UTC))
        tell_next(due)
        while (left := (due - datetime.now(UTC)).total_seconds()) > 0:
            time.sleep(min(left, NAP_S))
        run()
