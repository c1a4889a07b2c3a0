"""What can be set about learning at line grain, and what follows from it for one shop."""

from enum import StrEnum
from typing import NamedTuple

import keras

WARM_UP_STEPS = 200
_SCORES_AT_A_TIME = 16_000_000
"""Positions times items: what a step may hold."""
_FEWEST_POSITIONS = 64


class InStream(StrEnum):
    """What becomes of a ranker as the stream goes on."""

    STAYS = "stays"
    """Nothing, as of a version that serves until there is the next one."""
    COUNTS = "counts"
    """What everybody buys goes into its tables with every day, and its weights stay."""
    LEARNS = "learns"
    """Its weights learn from every day, too."""


class LineTraining(NamedTuple):
    """Settings."""

    embedding: int = 128
    state: int = 256
    epochs: int = 6
    min_steps: int = 600
    """A small shop is learnt from more often ..."""
    most_steps: int = 3000
    """... and a large one less often, but at least once ..."""
    most_examples: int = 5_000_000
    """... from each of so many lines, the newest; older ones are seen in the histories of these."""
    positions: int = 2048
    """Of a batch; fewer where the catalogue is large."""
    learning_rate: float = 3e-3
    daily_learning_rate: float = 5e-4
    in_stream: InStream = InStream.LEARNS
    seed: int = 0


def positions_per_batch(settings: LineTraining, vocabulary_size: int) -> int:
    return max(_FEWEST_POSITIONS, min(settings.positions, _SCORES_AT_A_TIME // vocabulary_size))


def n_epochs(n_batches: int, settings: LineTraining) -> int:
    """How often each line is learnt from."""
    fewest = -(-settings.min_steps // max(n_batches, 1))
    return max(1, min(max(settings.epochs, fewest), settings.most_steps // max(n_batches, 1)))


def learning_rate(n_steps: int, settings: LineTraining) -> keras.optimizers.schedules.CosineDecay:
    """Up to the settings' rate in the first steps, then down along a cosine."""
    warm_up = min(WARM_UP_STEPS, n_steps // 4)
    return keras.optimizers.schedules.CosineDecay(
        settings.learning_rate / 20,
        max(1, n_steps - warm_up),
        alpha=0.03,
        warmup_target=settings.learning_rate,
        warmup_steps=warm_up,
    )
