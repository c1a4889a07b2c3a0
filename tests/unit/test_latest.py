"""How far back the search for a customer's newest list goes."""

from hypothesis import given
from hypothesis import strategies as st

from streams.clients.latest import steps_back
from streams.contract.reading import Span


def test_each_step_back_is_four_times_as_long() -> None:
    steps = steps_back(Span("t", 0, 100, 2_000), 100)
    assert [(step.start, step.end) for step in steps] == [(1_900, 2_000), (1_500, 1_900), (100, 1_500)]


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(1, 500))
def test_the_steps_cover_the_span_without_overlap(start: int, length: int, first: int) -> None:
    steps = list(steps_back(Span("t", 0, start, start + length), first))
    offsets = [offset for step in reversed(steps) for offset in range(step.start, step.end)]
    assert offsets == list(range(start, start + length))
