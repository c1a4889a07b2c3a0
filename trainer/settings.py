"""What can be set about a training."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Share = Annotated[float, Meta(ge=0, lt=1)]


class TrainerSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of one training; the same settings and the same log give the same model."""

    epochs: Annotated[int, Meta(ge=1, le=100)] = 3
    """How often each example is learnt from: at least so often ..."""
    most_epochs: Annotated[int, Meta(ge=1, le=100)] = 24
    """... and twice as often, up to this, as long as that makes the newest of them less of a surprise. Where it is less
    than twice as often, nothing is tried out."""
    batch_size: Positive = 64
    learning_rate: Annotated[float, Meta(gt=0, le=1)] = 2e-3
    """Where it stands after the warm-up; it then falls to a fiftieth."""
    embedding: Positive = 64
    """Width of an item's vector."""
    state: Positive = 128
    """Width of what the LSTM remembers of a customer."""
    item_dropout: Share = 0.3
    """Share of the item vectors' values that are left out while it learns ..."""
    state_dropout: Share = 0.4
    """... and of the state's."""
    rerank: bool = True
    """Whether a second stage ranks the best items once more. All in all it then takes twice as long to learn."""
    grain: Literal["auto", "order", "line"] = "auto"
    """Whether a version answers the next order or the next line; auto: lines where orders are single lines."""
    holdout_days: Annotated[float, Meta(gt=0)] = 28.0
    """Newest days that the metrics are measured on; of a short log, at most its newest quarter."""
    min_events: Positive = 100
    """Fewer purchases and returns than this are not worth a model."""
    most_lines: Positive = 20_000_000
    """Of a longer log, so many of the newest bought lines are learnt from; memory is bounded by it."""
    most_orders: Positive = 50_000
    """Of more orders of customers who came back, so many of the newest are learnt from; time is bounded by it. What is
    counted of items (prices, popularity, which go together) is counted over all lines, and at line grain all are learnt
    from."""
    seed: int = 1
    threads: Positive = 1
    """Processor cores that the training may use; its steps are too small to gain from a second one."""
    datadir: str = ".nextup/trainer"
    """Folder with the copy of the log, from which each reading goes on. One run at a time has it."""
    tuned: str = ".nextup/tuned.toml"
    """What `nextup tune` has found and where it keeps it; it goes before the settings here. "": nowhere."""
