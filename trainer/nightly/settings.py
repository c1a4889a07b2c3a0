"""What can be set about the nightly run."""

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

Rule: TypeAlias = Literal["not-worse", "better", "clearly-better", "always"]
Metric: TypeAlias = Literal["hit_rate_at_5", "ndcg_at_10", "recall_at_10", "accuracy_at_5"]


class NightlySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """When it runs, and when what it has learnt is released."""

    at: str = "02:00"
    """Hour and minute, as hh:mm."""
    timezone: str = "UTC"
    """Of `at`: a name of the IANA time zone database."""
    rule: Rule = "better"
    """A candidate is released where it is at most `margin` below the version that serves (not-worse), more than
    `margin` above it (better), where the lower end of the difference's 95% interval is (clearly-better), or without
    asking (always)."""
    metric: Metric = "hit_rate_at_5"
    """What is compared: about the next order or, accuracy, about what is bought after each purchase."""
    margin: Annotated[float, Meta(ge=0, le=1)] = 0.0
    min_orders: Annotated[int, Meta(ge=1)] = 100
    """With fewer orders that neither version has seen, nobody can tell which one is better ..."""
    unsure: Literal["keep", "release"] = "keep"
    """... and this is done."""
