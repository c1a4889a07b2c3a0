"""What can be set about the guard."""

from typing import Annotated

from msgspec import Meta, Struct


class GuardSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When a version is taken back."""

    margin: Annotated[float, Meta(ge=0, lt=1)] = 0.02
    """Points of the hit rate that a version may lie below the one before."""
    false_alarms: Annotated[float, Meta(gt=0, lt=1)] = 0.05
    """Share of the trials of versions that are good enough that may be ended by mistake, however often one looks."""
    baseline_days: Annotated[float, Meta(gt=0)] = 14.0
    """A version that has been promoted is compared with what the one before did in so many days."""
    watch_days: Annotated[float, Meta(gt=0)] = 14.0
    """So long a version that has been promoted is watched."""
    every_s: Annotated[float, Meta(gt=0)] = 60.0
    """How often the guard looks."""
