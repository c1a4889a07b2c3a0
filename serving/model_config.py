"""Triton's configuration of a model: one file for each of the two backends that can run it.

    <name>/config.pbtxt               python backend on the CPU: what the local server, which comes as a wheel, has
    <name>/configs/onnxruntime.pbtxt  onnxruntime backend, on a GPU where there is one: the official image;
                                      chosen with --model-config-name=onnxruntime

Both name the versions to load. The set is written here, not only told to the running server, so that a
server that restarts loads the same versions and no rollback is undone.
"""

import re
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

from serving.candidates import OUTPUT_TYPES
from serving.features import INPUT_TYPES, SEQUENCE_LENGTH

DType: TypeAlias = np.dtype[Any]

MAX_BATCH_SIZE = 256
"""Rows that Triton takes in one request."""

DEFAULT = "config.pbtxt"
BACKENDS = {
    DEFAULT: ("python", "KIND_CPU"),
    "configs/onnxruntime.pbtxt": ("onnxruntime", "KIND_AUTO"),
}
"""File in the model's folder to its backend and the kind of processor."""

# A queue policy under dynamic_batching, whichever, makes single requests wait 500 ms now and then
# (triton-inference-server/server issue 8870): deadlines and limits are the client's.
_TEMPLATE = """\
name: "{name}"
backend: "{backend}"
max_batch_size: {max_batch_size}
input [
{inputs}
]
output [
{outputs}
]
version_policy: {{ specific {{ versions: [{versions}] }} }}
dynamic_batching {{ }}
instance_group [ {{ count: 1 kind: {kind} }} ]
parameters {{ key: "intra_op_thread_count" value: {{ string_value: "1" }} }}
model_warmup [ {{
  name: "empty histories"
  batch_size: 8
{warmup}
}} ]
"""
ANY_SIZE = -1
"""Versions may differ in how many candidates they answer: a shop may have few items at first."""
_TRITON_TYPES = {"int32": "TYPE_INT32", "float32": "TYPE_FP32"}
_VERSIONS = re.compile(r"^version_policy: .*versions: \[(?P<versions>[\d, ]*)\]", re.MULTILINE)


def render(file: str, name: str, versions: Sequence[int]) -> str:
    """The text of one of the files in BACKENDS, for a model of which these versions are to be loaded."""
    backend, kind = BACKENDS[file]
    return _TEMPLATE.format(
        name=name,
        backend=backend,
        kind=kind,
        max_batch_size=MAX_BATCH_SIZE,
        versions=", ".join(map(str, versions)),
        inputs=",\n".join(_tensor(key, dtype, SEQUENCE_LENGTH) for key, dtype in INPUT_TYPES.items()),
        outputs=",\n".join(_tensor(key, dtype, ANY_SIZE) for key, dtype in OUTPUT_TYPES.items()),
        warmup="\n".join(_warmup(key, dtype) for key, dtype in INPUT_TYPES.items()),
    )


def pinned_versions(text: str) -> tuple[int, ...]:
    """The versions that a file written by `render` names."""
    found = _VERSIONS.search(text)
    return tuple(int(version) for version in found["versions"].split(",") if version.strip()) if found else ()


def _tensor(name: str, dtype: DType, size: int) -> str:
    return f'  {{ name: "{name}" data_type: {_TRITON_TYPES[dtype.name]} dims: [{size}] }}'


def _warmup(name: str, dtype: DType) -> str:
    value = f"{{ data_type: {_TRITON_TYPES[dtype.name]} dims: [{SEQUENCE_LENGTH}] zero_data: true }}"
    return f'  inputs {{ key: "{name}" value: {value} }}'
