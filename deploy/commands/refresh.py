"""`nextup refresh`: make the lists of recently active customers anew."""

from datetime import datetime

import click
from msgspec.structs import replace

from deploy.command_line import out, pass_settings
from deploy.foreground import ending_on_sigterm
from deploy.refreshing import refresh_stale_lists
from deploy.schedule import daily as every_day
from deploy.schedule import every_time
from deploy.settings import RefreshSettings, Settings

positive = click.FloatRange(min=0, min_open=True)


@click.command()
@click.option("--active-days", type=positive, help="Customers who bought in the newest so many days.")
@click.option("--rate", type=positive, help="Most lists per second.")
@click.option("--daily", is_flag=True, help="Every day at refresh.at, until stopped.")
@pass_settings
def refresh(settings: Settings, active_days: float | None, rate: float | None, *, daily: bool) -> None:
    """Make the lists of recently active customers anew where another version serves, or time has passed.

    The worker makes them, in order with everything else of each customer. Run it again where it was interrupted.
    """
    chosen = {name: value for name, value in (("active_days", active_days), ("rate", rate)) if value is not None}
    wanted = replace(settings.refresh, **chosen)
    if not daily:
        _run(settings, wanted)
        return
    at_night = every_day(settings.refresh.at, settings.nightly.timezone)
    with ending_on_sigterm("stopped; lists that are still stale are made anew by the next run"):
        every_time(at_night, lambda: _run(settings, wanted), _tell_next)


def _run(settings: Settings, wanted: RefreshSettings) -> None:
    asked = refresh_stale_lists(settings.kafka, settings.models.name, wanted)
    out.print(f"{asked:,} lists are made anew", highlight=False)


def _tell_next(due: datetime) -> None:
    out.print(f"next run: {due:%Y-%m-%d %H:%M %Z}", highlight=False)
