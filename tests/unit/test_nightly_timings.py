"""What a run's steps took, and how much they got done."""

import pytest

from trainer.nightly.timings import Timing, Timings
from trainer.progress import Silent, timed_step


def test_each_step_is_timed_with_what_it_got_done() -> None:
    timings = Timings(Silent(), {"reading": "records"})
    with timed_step(timings, "reading"):
        timings.advanced(3)
        timings.advanced(4)
    with timed_step(timings, "exporting"):
        timings.advanced(5)
    assert [(step.step, step.parts, step.unit) for step in timings.done] == [
        ("reading", 7, "records"),
        ("exporting", 5, ""),
    ]
    assert Timing("reading", 2.0, 7, "records").per_s == 3.5
    assert timings.done[1].per_s is None


def test_a_step_within_a_step_counts_for_both() -> None:
    timings = Timings(Silent(), {"learning": "batches", "epoch 1": "batches"})
    with timed_step(timings, "learning"):
        with timed_step(timings, "epoch 1"):
            timings.advanced(2)
        timings.advanced(1)
    assert [(step.step, step.parts) for step in timings.done] == [("epoch 1", 2), ("learning", 3)]


def test_a_step_that_fails_is_not_told_as_done() -> None:
    timings = Timings(Silent(), {})
    with pytest.raises(ZeroDivisionError), timed_step(timings, "dividing"):
        raise ZeroDivisionError
    assert timings.done == []
