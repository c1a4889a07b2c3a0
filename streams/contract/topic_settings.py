"""Whether a topic's settings are what is wanted of it, pure."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

AT_LEAST = frozenset({"max.message.bytes", "min.insync.replicas"})
"""Settings that may be larger than what is wanted."""
EXACTLY = frozenset({"cleanup.policy", "message.timestamp.type"})
"""Settings that must be what is wanted. All others (how long, how large a segment) are the shop's to change."""


class Mismatch(NamedTuple):
    """One setting of one topic that is not as wanted."""

    topic: str
    setting: str
    found: str
    wanted: str

    @property
    def advice(self) -> str:
        """What was found, what is wanted, and the command that mends it."""
        value = f"[{self.wanted}]" if "," in self.wanted else self.wanted
        least = "at least " if self.setting in AT_LEAST else ""
        return (
            f"{self.topic} has {self.setting}={self.found}, wanted {least}{self.wanted}; change it with: nextup topics "
            "--fix, or with: kafka-configs --bootstrap-server BROKER --alter "
            f"--topic {self.topic} --add-config {self.setting}={value}"
        )


def mismatches(topic: str, wanted: Mapping[str, str], found: Mapping[str, str]) -> Iterator[Mismatch]:
    """The settings in which `found` differs from what is wanted in a way that matters."""
    for setting in sorted(wanted.keys() & (AT_LEAST | EXACTLY)):
        value = found.get(setting, "")
        if not _is_as_wanted(setting, value, wanted[setting]):
            yield Mismatch(topic, setting, value, wanted[setting])


def _is_as_wanted(setting: str, found: str, wanted: str) -> bool:
    if setting in AT_LEAST:
        return found.isdigit() and int(found) >= int(wanted)
    return set(found.split(",")) == set(wanted.split(","))
