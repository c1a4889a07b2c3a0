"""A plain LSTM of the size of a version: what the heads of the version cost beyond it.

    items -> vectors [B, L, E] -> LSTM, its last state [B, H] -> [B, E] -> times all vectors -> the K most likely

It reads the same lines and answers as many candidates. How long that takes does not depend on what was learnt, so
its weights are drawn by chance.
"""

from typing import NamedTuple

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from deploy.stack.errors import StackError
from serving.features import Float32s

OPSET = 17
_IR_VERSION = 8
"""Of this opset; newer ones are refused by older ONNX Runtimes."""


class Size(NamedTuple):
    """What the time depends on."""

    vocabulary: int
    embedding: int
    state: int
    k: int


def size_of(model: ModelProto, vocabulary: int, k: int) -> Size:
    """That of a version's graph; StackError where it has no LSTM or no vectors of items."""
    states = [_hidden_size(node) for node in model.graph.node if node.op_type == "LSTM"]
    widths = [each.dims[1] for each in model.graph.initializer if len(each.dims) == 2 and each.dims[0] == vocabulary]
    if not states or not widths:
        raise StackError("the version has no LSTM over vectors of items, so there is nothing to compare it with")
    return Size(vocabulary, max(widths), max(states), k)


def _hidden_size(node: NodeProto) -> int:
    return next(int(attribute.i) for attribute in node.attribute if attribute.name == "hidden_size")


def plain_lstm(size: Size) -> ModelProto:
    """The graph, which takes `item_index` [B, L] and gives `score` and `candidate` [B, K]."""
    nodes = [
        helper.make_node("Gather", ["items", "item_index"], ["vectors"]),
        helper.make_node("Transpose", ["vectors"], ["by_time"], perm=[1, 0, 2]),
        helper.make_node("LSTM", ["by_time", "W", "R", "B"], ["", "last"], hidden_size=size.state),
        helper.make_node("Squeeze", ["last", "direction"], ["state"]),
        helper.make_node("MatMul", ["state", "to_taste"], ["taste"]),
        helper.make_node("Gemm", ["taste", "items"], ["logits"], transB=1),
        helper.make_node("Softmax", ["logits"], ["probabilities"]),
        helper.make_node("TopK", ["probabilities", "k"], ["score", "candidate"]),
    ]
    graph = helper.make_graph(
        nodes,
        "plain_lstm",
        [helper.make_tensor_value_info("item_index", TensorProto.INT32, ["batch", "lines"])],
        [
            helper.make_tensor_value_info("score", TensorProto.FLOAT, ["batch", size.k]),
            helper.make_tensor_value_info("candidate", TensorProto.INT64, ["batch", size.k]),
        ],
        [numpy_helper.from_array(values, name) for name, values in _weights(size).items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)


def _weights(size: Size) -> dict[str, Float32s | np.ndarray]:
    random = np.random.default_rng(1)
    gates = 4 * size.state
    shapes = {
        "items": (size.vocabulary, size.embedding),
        "W": (1, gates, size.embedding),
        "R": (1, gates, size.state),
        "B": (1, 2 * gates),
        "to_taste": (size.state, size.embedding),
    }
    drawn = {name: random.normal(scale=0.1, size=shape).astype(np.float32) for name, shape in shapes.items()}
    return {**drawn, "k": np.array([size.k]), "direction": np.array([0])}
