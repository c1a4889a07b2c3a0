"""How faithful are the reasons that a model gives?

A reason names a bought item. If it is one, leaving that item out of the history must cost the recommended
item more probability than leaving out any other (DeYoung et al. 2020, "ERASER", section 4, call the like of
it comprehensiveness).
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import tensorflow
from numpy.typing import NDArray

from serving.candidates import NO_REASON, OUTPUT_TYPES, Candidates, joined
from serving.features import FIRST_ITEM, Float32s, Int32s, Int64s, ModelInputs
from trainer.next_purchase.grains import Servable

LogProbabilities: TypeAlias = Callable[[ModelInputs], Float32s]
"""The logarithm of each item's probability: [B, V]."""

BATCH = 128


class Faithfulness(NamedTuple):
    """Over all recommendations that give a reason and could have given another one."""

    n: int
    named_drop: float
    """Median fall of the log probability without the named item."""
    other_drop: float
    """Median fall without another item of the same history, drawn at random."""
    named_costs_more: float
    """Share of the recommendations for which the named item's absence costs more."""


class _Cases(NamedTuple):
    """n recommendations: a row of the inputs, the recommended item, the named one and another of that history."""

    row: Int64s
    candidate: Int32s
    named: Int32s
    other: Int32s


def of_model(model: Servable, inputs: ModelInputs, top: int) -> dict[str, Faithfulness]:
    """How faithful a model's reasons are for its first `top` recommendations to each row."""
    ask = tensorflow.function(lambda rows: model.candidates(rows, top), reduce_retracing=True)
    score = tensorflow.function(lambda rows: tensorflow.nn.log_softmax(model.logits(rows)), reduce_retracing=True)
    answers = joined(
        [
            Candidates(*(answer[name].numpy() for name in OUTPUT_TYPES))
            for answer in (ask(_rows(inputs, start)) for start in range(0, len(inputs["item_index"]), BATCH))
        ]
    )
    return measure(lambda rows: score(rows).numpy(), inputs, answers, top)


def measure(
    log_probabilities: LogProbabilities, inputs: ModelInputs, answers: Candidates, top: int, seed: int = 1
) -> dict[str, Faithfulness]:
    """Of the first `top` recommendations for each row: "own" for items that had been bought before, "new" for
    the others; a kind that never came up is missing."""
    cases = _cases(inputs["item_index"], answers, top, np.random.default_rng(seed))
    whole = _of_candidates(log_probabilities, inputs, cases, None)
    drops = {
        name: whole - _of_candidates(log_probabilities, inputs, cases, left_out)
        for name, left_out in (("named", cases.named), ("other", cases.other))
    }
    is_own = cases.candidate == cases.named
    return {
        kind: _summary(drops["named"][chosen], drops["other"][chosen])
        for kind, chosen in (("own", is_own), ("new", ~is_own))
        if chosen.any()
    }


def without_item(inputs: ModelInputs, item: Int32s) -> ModelInputs:
    """The inputs without one item's lines in each row: [B] items."""
    kept = inputs["item_index"] != item[:, None]
    return {name: np.where(kept, values, 0).astype(values.dtype) for name, values in inputs.items()}


def _rows(inputs: ModelInputs, start: int) -> ModelInputs:
    return {name: values[start : start + BATCH] for name, values in inputs.items()}


def _cases(sequence: Int32s, answers: Candidates, top: int, random: np.random.Generator) -> _Cases:
    found = []
    for row, rank in zip(*np.nonzero(answers.because[:, :top] != NO_REASON), strict=True):
        named = sequence[row, answers.because[row, rank]]
        candidate = answers.item_index[row, rank]
        bought = np.unique(sequence[row][sequence[row] >= FIRST_ITEM])
        others = bought[(bought != named) & (bought != candidate)]
        if len(others):
            found.append((row, candidate, named, random.choice(others)))
    columns: NDArray[Any] = np.array(found, np.int64).reshape(-1, 4)
    return _Cases(columns[:, 0], *(columns[:, column].astype(np.int32) for column in (1, 2, 3)))


def _of_candidates(
    log_probabilities: LogProbabilities, inputs: ModelInputs, cases: _Cases, left_out: Int32s | None
) -> Float32s:
    """Each recommended item's log probability: [n]."""
    parts = []
    for start in range(0, len(cases.row), BATCH):
        chosen = slice(start, start + BATCH)
        rows = {name: values[cases.row[chosen]] for name, values in inputs.items()}
        seen = rows if left_out is None else without_item(rows, left_out[chosen])
        parts.append(np.take_along_axis(log_probabilities(seen), cases.candidate[chosen, None], axis=1)[:, 0])
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def _summary(named: Float32s, other: Float32s) -> Faithfulness:
    return Faithfulness(len(named), float(np.median(named)), float(np.median(other)), float((named > other).mean()))
