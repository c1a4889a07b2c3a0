"""The versions of the model, and what may be done with them. Who does it stands outside: `Operations`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from streams.page.wording import clipped, day


@dataclass(frozen=True)
class Version:
    """One version of the repository. `role` is "serves", "canary", "shadow", "served before" or ""; `fault` says why
    it could not answer."""

    number: int
    role: str
    created_at: datetime | None
    hit_rate: float | None
    fault: str = ""


class Operations(Protocol):
    """What a page may ask for. Each call may take seconds, and blocks; it raises OperationRefused, which says why,
    where it is not or cannot be done."""

    def versions(self) -> list[Version]:
        """Oldest first."""

    def promote(self, version: int) -> str:
        """Have this version answer; what was done, in one line."""

    def roll_back(self) -> str:
        """Have the version answer that did before."""


@dataclass(frozen=True)
class VersionShown:
    """A row of the table."""

    number: int
    role: str
    made: str
    hit_rate: str
    fault: str
    may_be_promoted: bool


def versions_shown(versions: list[Version]) -> list[VersionShown]:
    """The newest first."""
    return [
        VersionShown(
            version.number,
            version.role,
            day(version.created_at) if version.created_at else "",
            "–" if version.hit_rate is None else f"{version.hit_rate:.3f}",
            clipped(version.fault, 120),
            may_be_promoted=version.role != "serves" and not version.fault,
        )
        for version in reversed(versions)
    ]


def may_roll_back(versions: list[Version]) -> bool:
    return any(version.role == "served before" for version in versions)
