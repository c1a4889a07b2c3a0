"""Wall time in the customer's zone: when the night is over there."""

import functools
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones


@functools.cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def is_zone(name: str) -> bool:
    """Whether this is a name of the IANA time zones."""
    return name in _zones()


def is_quiet(moment: datetime, zone: ZoneInfo, quiet_from: time, quiet_until: time) -> bool:
    """Whether `moment` lies in the quiet hours, which may go past midnight."""
    clock = moment.astimezone(zone).time()
    if quiet_from <= quiet_until:
        return quiet_from <= clock < quiet_until
    return clock >= quiet_from or clock < quiet_until


def after_quiet_hours(moment: datetime, zone: ZoneInfo, quiet_from: time, quiet_until: time) -> datetime:
    """`moment` itself, or the end of the quiet hours that it lies in; in UTC.

    Where the clocks jump over the end, the quiet hours end as much later as the clocks jump; where they
    go back over it, with the hour that is meant by `moment`, the first or the second.
    """
    if not is_quiet(moment, zone, quiet_from, quiet_until):
        return moment
    local = moment.astimezone(zone)
    day = local.date() if local.time() < quiet_until else local.date() + timedelta(days=1)
    return datetime.combine(day, quiet_until, zone).replace(fold=local.fold).astimezone(UTC)
