"""A version's graph, asked as a server would be, about inputs with the item numbers of the log."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from serving.features import FIRST_ITEM, PADDING, UNKNOWN, Int32s, ModelInputs
from serving.vocabulary import Vocabulary
from trainer.export import Graph
from trainer.nightly.questions import Asked

BATCH = 128


class Lists(NamedTuple):
    """What a version has recommended, best first, in the item numbers of the log; PADDING for an item that the log
    does not know any more: [n, K] each."""

    on_the_visit: Int32s
    right_after: Int32s


class Version:
    """One that serves or might: its vocabulary, and the graph that answers."""

    def __init__(self, vocabulary: Vocabulary, onnx: bytes) -> None:
        self._vocabulary = vocabulary
        self._graph = Graph(onnx)

    def answered(self, asked: Asked, advanced: Callable[[int], None]) -> Lists:
        """The lists for all questions; `advanced` hears how many more are done."""
        theirs = np.concatenate([[PADDING, UNKNOWN], self._vocabulary.indexes(asked.item_ids)]).astype(np.int32)
        ours = np.full(self._vocabulary.size, PADDING, np.int32)
        ours[theirs[FIRST_ITEM:]] = np.arange(FIRST_ITEM, len(theirs))
        ours[:FIRST_ITEM] = PADDING
        return Lists(
            *(ours[self._answered(inputs, theirs, advanced)] for inputs in (asked.on_the_visit, asked.right_after))
        )

    def _answered(self, inputs: ModelInputs, theirs: Int32s, advanced: Callable[[int], None]) -> Int32s:
        best = []
        for start in range(0, len(inputs["item_index"]), BATCH):
            rows = {name: values[start : start + BATCH] for name, values in inputs.items()}
            rows["item_index"] = theirs[rows["item_index"]]
            best.append(self._graph.answers(rows).item_index)
            advanced(len(best[-1]))
        return np.concatenate(best)
