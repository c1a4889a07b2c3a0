"""A model version that is made in no time: the answers depend on the newest line, so that tests can foretell them."""

from datetime import UTC, datetime

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from serving.candidates import OUTPUT_TYPES, Candidates
from serving.features import FIRST_ITEM, INPUT_TYPES, SEQUENCE_LENGTH, Float32s, ModelInputs
from serving.model_repository import Golden, Metadata, ModelRepository
from serving.vocabulary import Vocabulary

NAME = "next-purchase"
K = 5
ITEM_IDS = [f"item-{number}" for number in range(20)]


def publish(
    repository: ModelRepository, version: int, *, shift: int = 0, item_ids: list[str] = ITEM_IDS, name: str = NAME
) -> Golden:
    """Publish a version (it is neither pinned nor loaded) and return its golden inputs and answers."""
    inputs = random_inputs(rows=8, n_items=len(item_ids))
    golden = Golden(inputs, answers(inputs, len(item_ids), shift))
    at = datetime(2011, 12, 9, tzinfo=UTC)
    metadata = Metadata(
        name=name,
        version=version,
        created_at=at,
        trained_from=at,
        trained_to=at,
        n_events=100,
        n_orders=90,
        n_items=len(item_ids),
        k_candidates=K,
        metrics={"hit_rate_at_5": 0.5},
    )
    repository.publish(metadata, Vocabulary(item_ids), onnx_bytes(len(item_ids), shift), golden)
    return golden


def random_inputs(rows: int, n_items: int, seed: int = 1) -> ModelInputs:
    rng = np.random.default_rng(seed)
    shape = (rows, SEQUENCE_LENGTH)
    values = (
        rng.integers(FIRST_ITEM, n_items + FIRST_ITEM, shape),
        rng.uniform(0, 365, shape),
        rng.integers(1, 17, shape),
        rng.integers(1, 100, shape),
    )
    return {name: value.astype(dtype) for (name, dtype), value in zip(INPUT_TYPES.items(), values, strict=True)}


def answers(inputs: ModelInputs, n_items: int, shift: int = 0) -> Candidates:
    """The K items that follow the newest one in the vocabulary, `shift` places further."""
    newest = inputs["item_index"][:, -1:]
    item_index = (FIRST_ITEM + (newest + shift + np.arange(K)) % n_items).astype(np.int32)
    return Candidates(
        item_index,
        np.broadcast_to(_scores(), item_index.shape).copy(),
        np.full_like(item_index, SEQUENCE_LENGTH - 1),
    )


def onnx_bytes(n_items: int, shift: int = 0) -> bytes:
    """The graph that answers as `answers` does."""
    constants = {
        "last": np.array([SEQUENCE_LENGTH - 1]),
        "steps": np.arange(K, dtype=np.int32)[None] + np.int32(shift),
        "n_items": np.array(n_items, np.int32),
        "first": np.array(FIRST_ITEM, np.int32),
        "nothing": np.zeros((1, K), np.float32),
        "scores": _scores(),
        "reason": np.array(SEQUENCE_LENGTH - 1, np.int32),
    }
    nodes = [
        *(helper.make_node("Gather", [name, "last"], [f"newest_{name}"], axis=1) for name in INPUT_TYPES),
        helper.make_node("Add", ["newest_item_index", "steps"], ["further"]),
        helper.make_node("Mod", ["further", "n_items"], ["wrapped"]),
        helper.make_node("Add", ["wrapped", "first"], ["candidate"]),
        # A graph keeps only those inputs that it uses.
        helper.make_node("Cast", ["newest_orders_ago"], ["orders_as_float"], to=TensorProto.FLOAT),
        helper.make_node("Sum", ["newest_days_ago", "orders_as_float", "newest_quantity"], ["unused"]),
        helper.make_node("Mul", ["unused", "nothing"], ["zeros"]),
        helper.make_node("Cast", ["zeros"], ["integer_zeros"], to=TensorProto.INT32),
        helper.make_node("Add", ["integer_zeros", "reason"], ["because"]),
        helper.make_node("Add", ["zeros", "scores"], ["score"]),
    ]
    types = {"int32": TensorProto.INT32, "float32": TensorProto.FLOAT}
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(name, types[dtype.name], ["batch", SEQUENCE_LENGTH])
            for name, dtype in INPUT_TYPES.items()
        ],
        [helper.make_tensor_value_info(name, types[dtype.name], ["batch", K]) for name, dtype in OUTPUT_TYPES.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    serialized: bytes = model.SerializeToString()
    return serialized


def _scores() -> Float32s:
    return (1 / (2 + np.arange(K)))[None].astype(np.float32)
