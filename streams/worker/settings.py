"""What can be set about a worker."""

from typing import Annotated, Literal

from msgspec import Meta, Struct


class WorkerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one worker process.

    `group` names the consumer group and, with it, the state: workers of one group share the work.
    `datadir` belongs to one process alone. `instance_id` makes the process a static member of its
    group, so that it has its partitions back within two seconds of a crash; it must differ between
    processes, and is empty for dynamic membership.
    """

    group: str = "nextup"
    datadir: str = ".nextup/worker"
    instance_id: str = ""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    k: Annotated[int, Meta(ge=1, le=32)] = 5
    """Products on a list."""
    history_lines: Annotated[int, Meta(ge=1, le=10_000)] = 512
    """Most order lines that are kept of one user; the oldest orders go first. A model looks at the newest 512."""
    max_batch: Annotated[int, Meta(ge=1, le=1024)] = 256
    """Most events that are taken at once."""
    batches_in_flight: Annotated[int, Meta(ge=1, le=8)] = 2
    """Batches that may be under way at the same time: one asks the model while the one before is delivered."""
    commit_interval_s: Annotated[float, Meta(gt=0, le=60)] = 0.1
    """How often acknowledged offsets are committed; what is not yet committed is done again after a crash."""
    popularity_half_life_days: Annotated[float, Meta(gt=0)] = 14.0
    """After so many days a purchase counts half in the fallback's popularity."""
    health_address: str = "127.0.0.1:8090"
    """Where /live, /ready and /metrics are answered: host:port. Port 0 takes a free one; empty is off."""
    stalled_after_s: Annotated[float, Meta(ge=1)] = 60.0
    """A worker that has work and makes no progress for so long is ended, to be started anew."""
    stop_within_s: Annotated[float, Meta(gt=0)] = 10.0
    """A stop that takes longer, as it does while no broker answers, is cut short; what that cuts off is done again."""
    rolling_write_s: Annotated[float, Meta(gt=0)] = 3600.0
    """How often a record without meaning goes to each compacted partition of this worker. Kafka never cleans the
    segment it writes to, so on a quiet partition an erased customer's bytes would stay until somebody buys."""
