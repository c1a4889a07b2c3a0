"""How a long run is shown: as bars where somebody looks, as lines where they end up in a log."""

import contextlib
from collections.abc import Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from trainer import progress


class Bars:
    """One bar for each step, with how long it took and how it went."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._open: list[TaskID] = []

    def started(self, step: str, total: int | None) -> None:
        self._open.append(self._bars.add_task(step, total=total, note="", seconds=""))

    def advanced(self, parts: int) -> None:
        self._bars.advance(self._open[-1], parts)

    def noted(self, text: str) -> None:
        self._bars.update(self._open[-1], note=text)

    def finished(self, seconds: float) -> None:
        task = self._open.pop()
        done = self._bars.tasks[task].completed or 1
        self._bars.update(task, total=done, completed=done, seconds=f"{seconds:.1f} s")


class OneBar:
    """The step that runs, and how it goes; gone in the end."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._task = bars.add_task("", note="")

    def started(self, step: str, total: int | None) -> None:
        self._bars.reset(self._task, description=step, total=total, note="")

    def advanced(self, parts: int) -> None:
        self._bars.advance(self._task, parts)

    def noted(self, text: str) -> None:
        self._bars.update(self._task, note=text)

    def finished(self, seconds: float) -> None:
        """The next step, or the end, comes at once."""


class Lines:
    """A line when a step begins and one when it has ended, with the last that was noted on it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._open: list[tuple[str, str]] = []

    def started(self, step: str, total: int | None) -> None:
        self._open.append((step, ""))
        self._tell(f"{step} ...")

    def advanced(self, parts: int) -> None: ...

    def noted(self, text: str) -> None:
        step, _ = self._open[-1]
        self._open[-1] = step, f"; {text}"

    def finished(self, seconds: float) -> None:
        step, note = self._open.pop()
        self._tell(f"{step}: {seconds:.1f} s{note}")

    def _tell(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, highlight=False, markup=False)


class Notes(Lines):
    """A line for each note as well: what was done while a step goes on."""

    def noted(self, text: str) -> None:
        self._tell(text)


@contextlib.contextmanager
def shown_on(console: Console) -> Iterator[progress.Progress]:
    """Bars on a terminal, else lines."""
    if not console.is_terminal:
        yield Lines(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[seconds]}", justify="right"),
        TextColumn("{task.fields[note]}", style="dim", markup=False, table_column=Column(no_wrap=False, ratio=1)),
    )
    with Progress(*columns, console=console) as bars:
        yield Bars(bars)


@contextlib.contextmanager
def in_one_bar_on(console: Console) -> Iterator[progress.Progress]:
    """For runs of many steps, whose result is what counts: one bar on a terminal, else lines with all notes."""
    if not console.is_terminal:
        yield Notes(console)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        yield OneBar(bars)
