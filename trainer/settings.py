"""What can be set about a training."""

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]


class TrainerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one training; the same settings and the same log give the same model."""

    epochs: Annotated[int, Meta(ge=1, le=100)] = 3
    """How often each example is learnt from: at least so often ..."""
    most_epochs: Annotated[int, Meta(ge=1, le=100)] = 24
    """... and twice as often, up to this, as long as that makes the newest of them less of a surprise."""
    batch_size: Positive = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 2e-3
    """Where it stands after the warm-up; it then falls to a fiftieth."""
    holdout_days: Annotated[float, Meta(gt=0)] = 28.0
    """Newest days that the metrics are measured on; of a short log, at most its newest quarter."""
    min_events: Positive = 100
    """Fewer purchases and returns than this are not worth a model."""
    seed: int = 1
    threads: Positive = 1
    """Processor cores that the training may use; its steps are too small to gain from a second one."""
