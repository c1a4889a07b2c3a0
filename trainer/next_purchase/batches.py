"""The examples as the model learns from them."""

from collections.abc import Iterator

import numpy as np
import tensorflow
from numpy.typing import DTypeLike, NDArray

from serving.features import INPUT_TYPES, PADDING, SEQUENCE_LENGTH, Float32s, Int32s, Int64s, LineColumns, ModelInputs
from trainer.next_purchase.examples import MAX_TARGETS, Examples, inputs_of, visible_lines
from trainer.next_purchase.facts import FACTS, LINE_FACTS, ItemFacts
from trainer.purchases import Moments
from trainer.training import n_batches

ON_THE_VISIT = 0.7
"""Share of the examples that are asked on the visit; the others are asked right after the order before."""
_LENGTH_STEP = 32
_BATCHES_PER_CHUNK = 16


class Batches:
    """The examples in batches, in another order and asked at other moments each time they are gone through.

    Examples of like length come together, and columns that all of a batch lack are left out: half of the work
    would be done on padding.
    """

    def __init__(self, examples: Examples, facts: ItemFacts, batch_size: int, seed: int) -> None:
        self._examples = examples
        self._facts = facts
        self._batch_size = batch_size
        self._seed = seed
        self._times = 0
        self._lines = visible_lines(examples.moments.purchases)
        self._lengths = lengths(examples.moments)
        self._weights = examples.weights

    def __len__(self) -> int:
        return n_batches(len(self._examples), self._batch_size)

    def __iter__(self) -> Iterator[tuple[ModelInputs, Int32s, Float32s]]:
        """Inputs, targets, and how much each example counts."""
        random = np.random.default_rng([self._seed, self._times])
        self._times += 1
        away = drawn_away(len(self._examples), random)
        for rows in self._rows(random):
            examples = self._examples.rows(rows)
            inputs = training_inputs(self._lines, examples.asked(away[rows]), self._facts)
            yield inputs, examples.targets, self._weights[rows]

    def _rows(self, random: np.random.Generator) -> Iterator[Int64s]:
        order = random.permutation(len(self._examples))
        size = self._batch_size * _BATCHES_PER_CHUNK
        chunks = [order[start : start + size] for start in range(0, len(order), size)]
        by_length = np.concatenate([chunk[np.argsort(self._lengths[chunk], kind="stable")] for chunk in chunks])
        for number in random.permutation(len(self)):
            # Moments ask in the order of time.
            yield np.sort(by_length[number * self._batch_size : (number + 1) * self._batch_size])

    def dataset(self) -> tensorflow.data.Dataset:
        """As Keras takes them. Not a PyDataset: that takes the shape of the first batches for that of all."""
        vocabulary_size, n_facts = self._facts.tables.shape[1:]
        lines = {name: _spec(dtype, None) for name, dtype in INPUT_TYPES.items()}
        facts = {FACTS: _spec(np.float32, vocabulary_size, n_facts), LINE_FACTS: _spec(np.float32, None, n_facts)}
        signature = ({**lines, **facts}, _spec(np.int32, MAX_TARGETS), _spec(np.float32))
        dataset = tensorflow.data.Dataset.from_generator(lambda: iter(self), output_signature=signature)
        return dataset.apply(tensorflow.data.experimental.assert_cardinality(len(self))).prefetch(1)


def drawn_away(n: int, random: np.random.Generator) -> NDArray[np.float64]:
    """When each of n examples is asked about: 1 on the visit, 0 right after the order before."""
    return (random.random(n) < ON_THE_VISIT).astype(np.float64)


def _spec(dtype: DTypeLike, *sizes: int | None) -> tensorflow.TensorSpec:
    return tensorflow.TensorSpec((None, *sizes), dtype)


def lengths(moments: Moments) -> Int64s:
    """How many lines the model sees of each: [n]."""
    start, _, end = moments.spans
    seen: Int64s = np.minimum(end - start, SEQUENCE_LENGTH)
    return seen


def training_inputs(lines: LineColumns, moments: Moments, facts: ItemFacts) -> ModelInputs:
    """The model's inputs at these moments, without columns that are all padding, and the facts of each one's day."""
    inputs = trimmed(inputs_of(lines, moments, facts.tables.shape[1]))
    number = facts.at(moments.as_of)
    line_facts: Float32s = facts.tables[number[:, None], inputs["item_index"]]
    return {**inputs, FACTS: facts.tables[number], LINE_FACTS: line_facts}


def trimmed(inputs: ModelInputs) -> ModelInputs:
    """The newest columns, in few different numbers, so that few graphs are traced."""
    longest = int((inputs["item_index"] != PADDING).sum(axis=1).max(initial=1))
    kept = min(SEQUENCE_LENGTH, -(-longest // _LENGTH_STEP) * _LENGTH_STEP)
    return {name: values[:, -kept:] for name, values in inputs.items()}
