"""Versions of the small model that are slow, wrong or damaged, and a Triton of the test's own."""

from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from deploy.stack.triton import TritonServer
from serving.model_repository import ModelRepository
from tests import small_model
from tests.small_model import NAME

SLOW = """

import time

_execute = TritonPythonModel.execute


def _slowly(self, requests):
    time.sleep(1.0)
    return _execute(self, requests)


TritonPythonModel.execute = _slowly
"""


def publish(triton: TritonServer, version: int, shift: int = 0) -> Path:
    """Put a version into the server's repository; its folder. It is not loaded."""
    repository = ModelRepository(triton.model_repository)
    small_model.publish(repository, version, shift=shift)
    return triton.model_repository / NAME / str(version)


def publish_slow(triton: TritonServer, version: int) -> None:
    """A version that takes a second for each answer."""
    code = publish(triton, version) / "model.py"
    code.write_text(code.read_text() + SLOW)


def publish_wrong(triton: TritonServer, version: int, constant: str, value: object) -> None:
    """A version in whose graph one constant is not what it should be."""
    file = publish(triton, version) / "model.onnx"
    graph = onnx.load(file)
    for tensor in graph.graph.initializer:
        if tensor.name == constant:
            before = numpy_helper.to_array(tensor)
            changed = np.broadcast_to(np.array(value, before.dtype), before.shape).copy()
            tensor.CopyFrom(numpy_helper.from_array(changed, constant))
    file.write_bytes(graph.SerializeToString())


def damage(folder: Path, file: str) -> None:
    """Cut a file of a version in half."""
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
