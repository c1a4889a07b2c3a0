"""The trained model as an ONNX graph that answers as it did in training."""

from typing import NamedTuple, Protocol

import numpy as np
import onnxruntime
import tensorflow
import tf2onnx

from serving.candidates import NO_REASON, OUTPUT_TYPES, Candidates, difference, joined
from serving.features import INPUT_TYPES, PADDING, SEQUENCE_LENGTH, ModelInputs
from serving.model_repository import Golden
from trainer.errors import ExportMismatch
from trainer.next_purchase.tensors import Tensor

_NO_GRAPH = tuple(
    getattr(onnxruntime.capi.onnxruntime_pybind11_state, name)
    for name in ("Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf", "NotImplemented")
)
OPSET = 17
"""Known to every ONNX Runtime since 1.12."""


class Answering(Protocol):
    """A trained model, at either grain."""

    def candidates(self, inputs: dict[str, Tensor], k: int) -> dict[str, Tensor]:
        """OUTPUT_TYPES for INPUT_TYPES."""


class Exported(NamedTuple):
    """A graph, and what it must answer wherever it runs."""

    onnx: bytes
    golden: Golden


def export(model: Answering, golden_inputs: ModelInputs, k: int) -> Exported:
    """The graph that answers k candidates; ExportMismatch where it does not answer as the model does.

    It reads as many columns as the longest history of a batch has lines, so that short ones cost little.
    """

    @tensorflow.function  # type: ignore[untyped-decorator] # TensorFlow has no types
    def answer(*inputs: Tensor) -> dict[str, Tensor]:
        columns = dict(zip(INPUT_TYPES, inputs, strict=True))
        first = _first_column(columns["item_index"])
        answers = model.candidates({name: values[:, first:] for name, values in columns.items()}, k)
        return {**answers, "because": _in_whole_rows(answers["because"], first)}

    signature = [
        tensorflow.TensorSpec((None, SEQUENCE_LENGTH), dtype, name=name) for name, dtype in INPUT_TYPES.items()
    ]
    graph, _ = tf2onnx.convert.from_function(answer, input_signature=signature, opset=OPSET)
    onnx: bytes = graph.SerializeToString()
    answers = model.candidates({name: tensorflow.constant(golden_inputs[name]) for name in INPUT_TYPES}, k)
    golden = Golden(golden_inputs, Candidates(*(answers[name].numpy() for name in OUTPUT_TYPES)))
    check(onnx, golden)
    return Exported(onnx, golden)


def _first_column(item_index: Tensor) -> Tensor:
    """The first one that is not padding in all rows; the last one where all are empty."""
    is_used = tensorflow.reduce_any(item_index != PADDING, axis=0)
    return tensorflow.reduce_min(tensorflow.where(is_used, tensorflow.range(SEQUENCE_LENGTH), SEQUENCE_LENGTH - 1))


def _in_whole_rows(because: Tensor, first: Tensor) -> Tensor:
    """Columns as they are where none is left out."""
    return tensorflow.where(because == NO_REASON, because, because + first)


class Graph:
    """An exported graph, asked here on one core. ExportMismatch where it is none, or fails."""

    def __init__(self, onnx: bytes) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        try:
            self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
        except _NO_GRAPH as error:
            raise ExportMismatch(f"not a graph that can be asked: {error}") from None

    def answers(self, inputs: ModelInputs) -> Candidates:
        """What it answers to these rows."""
        try:
            return Candidates(*(np.asarray(answer) for answer in self._session.run(list(OUTPUT_TYPES), inputs)))
        except _NO_GRAPH as error:
            raise ExportMismatch(f"the graph fails: {error}") from None


def run_onnx(onnx: bytes, inputs: ModelInputs) -> Candidates:
    """What a graph answers here."""
    return Graph(onnx).answers(inputs)


def check(onnx: bytes, golden: Golden) -> None:
    """ExportMismatch where a graph cannot be used, or does not agree with the golden answers.

    It is asked all rows at once and each alone: how many columns it reads depends on who is asked about together.
    """
    graph, n_rows = Graph(onnx), len(golden.answers.item_index)
    alone = [{name: values[row : row + 1] for name, values in golden.inputs.items()} for row in range(n_rows)]
    for found in (graph.answers(golden.inputs), joined([graph.answers(inputs) for inputs in alone])):
        fault = found.fault(n_rows) or difference(golden.answers, found)
        if fault:
            raise ExportMismatch(f"the exported graph does not answer as the trained model: {fault}")
