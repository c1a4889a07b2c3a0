"""`nextup nightly`: learn, and release only what is better; now, or every night."""

import subprocess
import sys
from datetime import datetime

import click
from msgspec.structs import replace

from deploy.command_line import out, pass_settings
from deploy.foreground import ending_on_sigterm
from deploy.lazy_group import imported
from deploy.schedule import daily, every_time
from deploy.settings import Settings


@click.command()
@click.option("--once", is_flag=True, help="Run now, and end: for cron and Kubernetes.")
@click.option("--at", help="Run every day at this time, hh:mm in nightly.timezone.  [default: nightly.at]")
@click.option("--always", is_flag=True, help="Release what was learnt without asking whether it is better.")
@pass_settings
def nightly(settings: Settings, *, once: bool, at: str | None, always: bool) -> None:
    """Learn from the purchase log; release the model if it is better than the one that serves, else say why not.

    Each run is a process of its own, which gives all its memory back. One that fails leaves the serving version
    untouched, and the next one comes at its time.
    """
    if once and at:
        raise click.UsageError("--once runs now, --at every day: choose one")
    if once:
        # Not imported above: it brings TensorFlow along, which whoever waits for the night has no use for.
        rule = replace(settings.nightly, rule="always") if always else settings.nightly
        imported("deploy.learning:learn")(settings, rule)
        return
    command, at_night = _command(always), daily(at or settings.nightly.at, settings.nightly.timezone)
    with ending_on_sigterm("stopped; the version that serves goes on"):
        every_time(at_night, lambda: _run(command), _tell_next)


def _command(always: bool) -> list[str]:
    """This command, once, with the settings that it was given."""
    config = click.get_current_context().find_root().params.get("config")
    chosen = ["--config", str(config)] if config else []
    return [sys.executable, "-m", "deploy", *chosen, "nightly", "--once", *(["--always"] if always else [])]


def _run(command: list[str]) -> None:
    """Until it has ended; if we are ended before, so is it."""
    with subprocess.Popen(command) as run:
        try:
            code = run.wait()
        except BaseException:
            run.terminate()
            raise
    if code != 0:
        out.print(f"the run ended with exit code {code}; the version that served goes on", highlight=False)


def _tell_next(due: datetime) -> None:
    out.print(f"next run: {due:%Y-%m-%d %H:%M %Z}", highlight=False)
