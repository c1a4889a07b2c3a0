"""How long a network of this folder learns, and how fast."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Whichever limit is met first ends a training; then follows one last epoch over everything."""

    epochs: int = 30
    """Most times that each example is learnt from."""
    steps: int = 5_000
    """Most batches: what limits the time on a large shop."""
    batch_size: int = 64
    learning_rate: float = 2e-3
    patience: int = 2
    """Epochs in a row that may bring nothing before learning ends."""
