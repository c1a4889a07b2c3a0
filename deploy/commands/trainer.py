"""`nextup trainer`: learn from the purchase log once, and release the version."""

import os

import click
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from deploy.command_line import out, pass_settings
from deploy.quiet import native_stderr_off
from deploy.settings import Settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with native_stderr_off():
    from trainer import train
    from trainer.training import use_threads


class Bars:
    """One bar for each step, with how long it took and how it went."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = TaskID(0)

    def started(self, step: str, total: int | None) -> None:
        self._task = self._bars.add_task(step, total=total, note="", seconds="")

    def advanced(self, parts: int) -> None:
        self._bars.advance(self._task, parts)

    def noted(self, text: str) -> None:
        self._bars.update(self._task, note=text)

    def finished(self, seconds: float) -> None:
        done = self._bars.tasks[self._task].completed or 1
        self._bars.update(self._task, total=done, completed=done, seconds=f"{seconds:.1f} s")


@click.command()
@pass_settings
def trainer(settings: Settings) -> None:
    """Train on the purchase log once, and release the model: Triton loads it, the workers switch to it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[seconds]}", justify="right"),
        TextColumn("{task.fields[note]}", style="dim", table_column=Column(no_wrap=False, ratio=1)),
    )
    use_threads(settings.trainer.threads)
    with Progress(*columns, console=out) as bars:
        version = train.run(
            settings.kafka,
            settings.trainer,
            settings.triton,
            settings.models.repository,
            settings.models.name,
            Bars(bars),
        )
    out.print(f"{version.name} version {version.version} answers from now on", highlight=False)
