"""What a model version answers: for each user the K most likely next items, and why."""

from typing import NamedTuple

import numpy as np

from serving.features import FIRST_ITEM, SEQUENCE_LENGTH, Float32s, Int32s

K_CANDIDATES = 32
"""How many a model answers (fewer where the shop has fewer items): what is not available is dropped later."""
NO_REASON = -1

# The graph has an input called item_index, and ONNX names a value only once.
OUTPUT_TYPES = {"candidate": np.dtype(np.int32), "score": np.dtype(np.float32), "because": np.dtype(np.int32)}


class Candidates(NamedTuple):
    """The answers for B users, best first. All three have the shape [B, K]."""

    item_index: Int32s
    """FIRST_ITEM or above: padding and unknown are never candidates."""
    score: Float32s
    """Probability that the item is in the user's next order; falls from left to right."""
    because: Int32s
    """Position in the input (0..SEQUENCE_LENGTH-1) of the bought line that speaks most for the item:
    its own, or else the line of the most related item; NO_REASON where there is none."""

    def fault(self, rows: int) -> str:
        """What makes this answer unusable for so many users, or "" where nothing does."""
        shape = (rows, *self.item_index.shape[1:2])
        for (name, dtype), array in zip(OUTPUT_TYPES.items(), self, strict=True):
            if len(shape) != 2 or array.shape != shape or array.dtype != dtype:
                return f"{name} is {array.dtype.name}{list(array.shape)}, expected {dtype.name}[{rows}, K]"
        if not np.isfinite(self.score).all():
            return "a score is not a finite number"
        if not (self.item_index >= FIRST_ITEM).all():
            return "a candidate is padding or unknown"
        if not ((self.because >= NO_REASON) & (self.because < SEQUENCE_LENGTH)).all():
            return "a reason lies outside the input"
        return ""

    def unknown_item(self, vocabulary_size: int) -> str:
        """Which candidate lies beyond a version's vocabulary, or "" where none does."""
        highest = int(self.item_index.max(initial=0))
        return f"an unknown item_index {highest}" if highest >= vocabulary_size else ""


TOP = 5
"""Ranks in which two servers of one version must agree."""
SCORE_TOLERANCE = 1e-3
"""Relative: other hardware adds up in another order, and may swap items whose scores are this close."""


def difference(expected: Candidates, found: Candidates) -> str:
    """Where the first TOP ranks of two answers to the same inputs differ, or "" where they agree."""
    top = slice(None), slice(TOP)
    if expected.item_index.shape != found.item_index.shape:
        return f"shape {found.item_index.shape} instead of {expected.item_index.shape}"
    close = np.isclose(expected.score[top], found.score[top], rtol=SCORE_TOLERANCE, atol=1e-7)
    if not close.all():
        row, rank = np.argwhere(~close)[0]
        return f"row {row}, rank {rank + 1}: score {found.score[row, rank]} instead of {expected.score[row, rank]}"
    for row, rank in np.argwhere(expected.item_index[top] != found.item_index[top]):
        item = found.item_index[row, rank]
        (elsewhere,) = np.nonzero(expected.item_index[row] == item)
        if not np.isclose(expected.score[row, elsewhere], found.score[row, rank], rtol=SCORE_TOLERANCE).any():
            return f"row {row}, rank {rank + 1}: item {item} instead of {expected.item_index[row, rank]}"
    return ""


def joined(parts: list[Candidates]) -> Candidates:
    """The answers to the parts of one batch, as one."""
    return parts[0] if len(parts) == 1 else Candidates(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))
