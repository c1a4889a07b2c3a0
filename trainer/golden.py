"""Made-up histories that a version must answer alike wherever it runs; no customer's lines are among them.

They are kept with the version for as long as it is, so a real history would outlive its customer's erasure.
"""

import numpy as np

from serving.features import (
    DAY_S,
    FIRST_ITEM,
    INPUT_TYPES,
    SEQUENCE_LENGTH,
    LineColumns,
    ModelInputs,
    Questions,
    model_inputs,
)
from trainer.models.model import Grain

N_HISTORIES = 16
LONGEST = SEQUENCE_LENGTH + 100
LINES_PER_ORDER = 4.0
_ASKED_AT = 400 * DAY_S
_SEED = 20110101


def golden_inputs(vocabulary_size: int, grain: Grain = Grain.ORDER) -> ModelInputs:
    """Histories of every length, an empty one, and one with numbers that no table holds: N_HISTORIES + 2 rows."""
    made_up = made_up_inputs(vocabulary_size, grain)
    wild = np.tile([-1, 10**9], (1, SEQUENCE_LENGTH // 2))
    return {
        name: np.concatenate([made_up[name], np.zeros((1, SEQUENCE_LENGTH), dtype), wild.astype(dtype)])
        for name, dtype in INPUT_TYPES.items()
    }


def made_up_inputs(vocabulary_size: int, grain: Grain) -> ModelInputs:
    """The same for the same vocabulary: from one line to more than a model sees, with items bought again and again."""
    rng = np.random.default_rng(_SEED)
    lengths = np.geomspace(1, LONGEST, N_HISTORIES).astype(np.int64)
    ends = np.cumsum(lengths)
    order = np.concatenate([np.cumsum(rng.random(n) < 1 / LINES_PER_ORDER) for n in lengths])
    lines = LineColumns(
        np.concatenate([_items(rng, n, vocabulary_size) for n in lengths]),
        np.concatenate([_moments(rng, n, order[end - n : end]) for n, end in zip(lengths, ends, strict=True)]),
        order.astype(np.int32),
        rng.integers(1, 13, len(order)).astype(np.float32),
    )
    open_from = ends.copy()
    if grain is Grain.LINE:
        open_from[::2] -= np.minimum(2, lengths[::2])
    return model_inputs(lines, Questions(ends - lengths, ends, np.full(N_HISTORIES, _ASKED_AT), open_from))


def _items(rng: np.random.Generator, n: int, vocabulary_size: int) -> "np.ndarray[tuple[int], np.dtype[np.int32]]":
    """Few favourites out of the whole vocabulary, and now and then an item that the model does not know."""
    favourites = rng.integers(FIRST_ITEM, max(vocabulary_size, FIRST_ITEM + 1), max(1, n // 3))
    chosen = favourites[(rng.random(n) ** 2 * len(favourites)).astype(np.int64)]
    return np.where(rng.random(n) < 0.02, FIRST_ITEM - 1, chosen).astype(np.int32)


def _moments(rng: np.random.Generator, n: int, order: np.ndarray) -> "np.ndarray[tuple[int], np.dtype[np.int64]]":
    """Lines of one order share their moment, unix seconds; orders lie days apart, the newest before the question."""
    starts = np.sort(rng.integers(0, _ASKED_AT, int(order[-1] - order[0]) + 1))
    moments: np.ndarray[tuple[int], np.dtype[np.int64]] = starts[order - order[0]].astype(np.int64)
    return moments
