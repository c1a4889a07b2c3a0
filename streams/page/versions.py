"""The versions of the model, and what may be done with them. Who does it stands outside: `Operations`."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Protocol

from streams.page.wording import clipped, day

TRIED = {"canary", "shadow"}


@dataclass(frozen=True)
class Version:
    """One version of the repository. `role` is "serves", "canary", "shadow", "served before" or ""; `fault` says why
    it could not answer."""

    number: int
    role: str
    created_at: datetime | None
    hit_rate: float | None
    fault: str = ""


class Trial(NamedTuple):
    """A way to try a version beside the one that answers."""

    words: str
    share: float | None
    """Of the customers whom it answers; None where it answers nobody and is only judged."""


TRIALS = (
    Trial("In the shadow: its lists are judged, and nobody gets them", None),
    Trial("Answering 1 of 100 customers", 0.01),
    Trial("Answering 10 of 100 customers", 0.1),
    Trial("Answering half of the customers", 0.5),
)


class Operations(Protocol):
    """What a page may ask for. Each call may take seconds, and blocks; it raises OperationRefused, which says why,
    where it is not or cannot be done."""

    def versions(self) -> list[Version]:
        """Oldest first."""

    def promote(self, version: int) -> str:
        """Have this version answer; what was done, in one line."""

    def roll_back(self) -> str:
        """Have the version answer that did before."""

    def challenge(self, version: int, share: float | None) -> str:
        """Try this version beside the one that answers: see Trial."""

    def stop_challenge(self) -> str:
        """Try none any longer."""


@dataclass(frozen=True)
class VersionShown:
    """A row of the table."""

    number: int
    role: str
    made: str
    hit_rate: str
    fault: str
    may_be_promoted: bool
    may_be_tried: bool
    is_tried: bool


def versions_shown(versions: list[Version]) -> list[VersionShown]:
    """The newest first. One at a time may be tried, beside one that answers."""
    roles = {version.role for version in versions}
    is_room = "serves" in roles and not roles & TRIED
    return [
        VersionShown(
            version.number,
            version.role,
            day(version.created_at) if version.created_at else "",
            "–" if version.hit_rate is None else f"{version.hit_rate:.3f}",
            clipped(version.fault, 120),
            may_be_promoted=version.role != "serves" and not version.fault,
            may_be_tried=is_room and version.role != "serves" and not version.fault,
            is_tried=version.role in TRIED,
        )
        for version in reversed(versions)
    ]


def may_roll_back(versions: list[Version]) -> bool:
    return any(version.role == "served before" for version in versions)
