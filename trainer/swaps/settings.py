"""What can be set about swaps."""

from typing import Annotated

from msgspec import Meta, Struct


class SwapSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How long is waited for workers, and which versions are kept."""

    workers_within_s: Annotated[float, Meta(ge=0)] = 60.0
    """How long the running workers may take to switch. While one of them has not, nothing is unloaded."""
    grace_s: Annotated[float, Meta(ge=0)] = 5.0
    """How long after the last worker has switched the version before is still loaded, for questions under way."""
    keep_loaded: Annotated[int, Meta(ge=0)] = 1
    """Versions before the serving one that stay loaded, so that a rollback takes no time."""
    keep_versions: Annotated[int, Meta(ge=1)] = 10
    """Newest versions that stay in the repository; one that is loaded is never removed."""
