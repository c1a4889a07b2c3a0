"""Figures that the benchmarks of a gateway have in common, and how a table tells them."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from deploy.stack.errors import StackError


class Late(NamedTuple):
    """Milliseconds from handing a purchase to the publisher until its list is where it is wanted."""

    p50: float
    p99: float
    slowest: float


class Memory(NamedTuple):
    """Resident set of the gateway, in MiB."""

    idle: float
    with_readers: float
    at_the_end: float


class Cost(NamedTuple):
    """What the gateway used."""

    cpu: float
    """Processor time while purchases flowed, in cores."""
    memory: Memory

    def as_json(self) -> dict[str, object]:
        return {"cpu": self.cpu, "memory": self.memory._asdict()}

    def rows(self, opened: str) -> list[tuple[str, str]]:
        """Two rows of a table; `opened` names what was open in between."""
        memory = ", ".join(f"{mib:.0f}" for mib in self.memory)
        return [
            ("processor of the gateway", f"{self.cpu:.2f} cores"),
            (f"memory of it: idle, {opened} open, at the end", f"{memory} MiB"),
        ]


def late(milliseconds: Iterable[float]) -> Late:
    """Raises StackError where there is nothing to tell of."""
    found = np.array(list(milliseconds))
    if not found.size:
        raise StackError("no list came of a purchase after the warm-up; let purchases flow for more seconds")
    p50, p99 = np.percentile(found, [50, 99])
    return Late(float(p50), float(p99), float(found.max()))
