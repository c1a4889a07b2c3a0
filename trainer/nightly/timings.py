"""How long each step of a run took, and how much it got done."""

from collections.abc import Mapping
from typing import NamedTuple

from trainer.progress import Progress


class Timing(NamedTuple):
    """One step that was done."""

    step: str
    seconds: float
    parts: int
    """How much was done, in units."""
    unit: str
    """What the parts are; "" where they are not counted."""

    @property
    def per_s(self) -> float | None:
        """Parts per second, where there are any."""
        return self.parts / self.seconds if self.unit and self.seconds else None


class Timings:
    """Listens to a run, remembers what its steps took, and tells another listener everything.

    `units` says what the parts of a step are, by the step's name. What is done in a step within a step counts for
    both.
    """

    def __init__(self, listener: Progress, units: Mapping[str, str]) -> None:
        self._listener, self._units = listener, units
        self._open: list[tuple[str, int]] = []
        self.done: list[Timing] = []

    def started(self, step: str, total: int | None) -> None:
        self._open.append((step, 0))
        self._listener.started(step, total)

    def advanced(self, parts: int) -> None:
        self._open = [(step, done + parts) for step, done in self._open]
        self._listener.advanced(parts)

    def noted(self, text: str) -> None:
        self._listener.noted(text)

    def finished(self, seconds: float) -> None:
        step, parts = self._open.pop()
        self.done.append(Timing(step, seconds, parts, self._units.get(step, "")))
        self._listener.finished(seconds)
