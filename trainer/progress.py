"""How the trainer tells what it is doing, without knowing who listens."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

T = TypeVar("T")


class Progress(Protocol):
    """Listens to the steps of a training, which follow one after the other."""

    def started(self, step: str, total: int | None) -> None:
        """A step begins; it has `total` parts, if that is known."""

    def advanced(self, parts: int) -> None:
        """So many more parts of the running step are done."""

    def noted(self, text: str) -> None:
        """How the running step goes, in a few words."""

    def finished(self, seconds: float) -> None:
        """The running step is done, and took so long."""


class Silent:
    """Nobody listens."""

    def started(self, step: str, total: int | None) -> None: ...

    def advanced(self, parts: int) -> None: ...

    def noted(self, text: str) -> None: ...

    def finished(self, seconds: float) -> None: ...


@contextmanager
def timed_step(progress: Progress, step: str, total: int | None = None) -> Iterator[None]:
    """Tell that a step begins, and when it has ended well, how long it took."""
    progress.started(step, total)
    began = time.monotonic()
    yield
    progress.finished(time.monotonic() - began)


def counted(parts: Iterable[T], advanced: Callable[[int], None], every: int = 1_000) -> Iterator[T]:
    """The same parts; tells after every so many of them, because telling costs time."""
    n = 0
    for n, part in enumerate(parts, 1):
        yield part
        if n % every == 0:
            advanced(every)
    advanced(n % every)
