"""How a run is shown: as lines in a log, as bars on a terminal; a step may hold others."""

import io
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from rich.console import Console

from deploy.progress_lines import in_one_bar_on, shown_on
from trainer.progress import Progress, timed_step


def shown(on: Callable[[Console], AbstractContextManager[Progress]] = shown_on, *, is_terminal: bool) -> str:
    console = Console(file=io.StringIO(), force_terminal=is_terminal, width=120)
    with on(console) as progress:
        with timed_step(progress, "learning"):
            with timed_step(progress, "epoch 1 of 1", 2):
                progress.advanced(2)
                progress.noted("loss 0.5")
            progress.noted("done [well]")
        with timed_step(progress, "exporting"):
            pass
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_log_has_a_line_when_a_step_begins_and_one_when_it_has_ended() -> None:
    assert shown(is_terminal=False).splitlines() == [
        "learning ...",
        "epoch 1 of 1 ...",
        "epoch 1 of 1: 0.0 s; loss 0.5",
        "learning: 0.0 s; done [well]",
        "exporting ...",
        "exporting: 0.0 s",
    ]


@pytest.mark.parametrize("part", ["epoch 1 of 1", "loss 0.5", "learning", "[well]", "exporting", "0.0 s"])
def test_a_terminal_has_a_bar_for_each_step(part: str) -> None:
    assert part in shown(is_terminal=True)


def test_a_log_of_many_steps_has_a_line_for_each_note() -> None:
    assert shown(in_one_bar_on, is_terminal=False).splitlines() == [
        "learning ...",
        "epoch 1 of 1 ...",
        "loss 0.5",
        "epoch 1 of 1: 0.0 s",
        "done [well]",
        "learning: 0.0 s",
        "exporting ...",
        "exporting: 0.0 s",
    ]


@pytest.mark.parametrize("part", ["epoch 1 of 1", "0/2", "exporting"])
def test_one_bar_tells_which_step_is_running(part: str) -> None:
    assert part in shown(in_one_bar_on, is_terminal=True)
