"""One suggested item, whoever suggests it: the shape that the model's answer and the fallback's share."""

from typing import NamedTuple

from serving.candidates import NO_REASON, Candidates
from serving.features import FIRST_ITEM, Int32s
from serving.vocabulary import Vocabulary


class Suggestion(NamedTuple):
    """An item, how much speaks for it, and which bought item says so (None: it is just popular)."""

    item_id: str
    score: float
    because: str | None


def from_model(candidates: Candidates, row: int, sequence: Int32s, vocabulary: Vocabulary) -> list[Suggestion]:
    """The answer for one user, best first. `sequence` is that user's `item_index` input."""
    return [
        Suggestion(vocabulary.item_id(index), score, _reason(because, sequence, vocabulary))
        for index, score, because in zip(
            candidates.item_index[row].tolist(),
            candidates.score[row].tolist(),
            candidates.because[row].tolist(),
            strict=True,
        )
    ]


def _reason(position: int, sequence: Int32s, vocabulary: Vocabulary) -> str | None:
    if position == NO_REASON or sequence[position] < FIRST_ITEM:
        return None
    return vocabulary.item_id(int(sequence[position]))
