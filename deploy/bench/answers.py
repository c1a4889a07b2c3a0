"""How long a version takes to answer a batch of users, beside a plain LSTM of its size."""

import statistics
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray

from deploy.bench.plain_lstm import plain_lstm, size_of
from deploy.stack.errors import StackError
from serving.features import PADDING
from serving.model_repository import ModelRepository

BATCH = 64
WARM_UPS = 3

Arrays: TypeAlias = Mapping[str, NDArray[Any]]


class Answers(NamedTuple):
    """Medians over all rounds, on one thread of ONNX Runtime."""

    version_ms: float
    plain_ms: float
    ratio: float
    """How many times as long the version takes; of each round, so that a busy machine slows both alike."""


def measure(repository: ModelRepository, name: str, rounds: int) -> Answers:
    """Of the newest version of a model; StackError where there is none, or nothing to compare it with.

    Both take turns, and answer the users that the version was checked with.
    """
    newest = newest_version(repository, name)
    metadata, vocabulary = repository.read(name, newest)
    graph = onnx.load(repository.path / name / str(newest) / "model.onnx")
    inputs = _batch(_readable(repository.read_golden(name, newest).inputs, vocabulary.size))
    plain = plain_lstm(size_of(graph, vocabulary.size, metadata.k_candidates))
    return _take_turns(_session(graph), _session(plain), inputs, rounds)


def newest_version(repository: ModelRepository, name: str) -> int:
    """Its number; StackError where nothing has been trained."""
    versions = repository.versions(name)
    if not versions:
        raise StackError(f"{repository.path} holds no model; train one first with: make demo PURCHASES=1")
    return versions[-1]


def _readable(inputs: Arrays, vocabulary_size: int) -> Arrays:
    """Rows without numbers that no table holds: a version stands them, the plain LSTM does not."""
    item = inputs["item_index"]
    rows = ((item >= 0) & (item < vocabulary_size)).all(axis=1)
    return {name: values[rows] for name, values in inputs.items()}


def _batch(inputs: Arrays) -> Arrays:
    """BATCH rows, as often each as it takes."""
    return {name: values[np.arange(BATCH) % len(values)] for name, values in inputs.items()}


def _session(graph: onnx.ModelProto) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])


def _take_turns(
    version: onnxruntime.InferenceSession, plain: onnxruntime.InferenceSession, inputs: Arrays, rounds: int
) -> Answers:
    # As a version does, it leaves out what is padding in all rows.
    is_used = (inputs["item_index"] != PADDING).any(axis=0)
    items = {"item_index": inputs["item_index"][:, is_used.argmax() :]}
    pairs = [(_seconds(version, inputs), _seconds(plain, items)) for _ in range(WARM_UPS + rounds)][WARM_UPS:]
    of_version, of_plain = (1000 * statistics.median(column) for column in zip(*pairs, strict=True))
    return Answers(of_version, of_plain, statistics.median(one / other for one, other in pairs))


def _seconds(session: onnxruntime.InferenceSession, inputs: Arrays) -> float:
    began = time.perf_counter()
    session.run(None, inputs)
    return time.perf_counter() - began
