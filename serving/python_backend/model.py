"""Serves the model.onnx beside this file with ONNX Runtime, inside Triton's python backend.

The same file is ignored by Triton's onnxruntime backend, which runs model.onnx itself. This one runs in
Triton's own Python environment, so it may use numpy and onnxruntime alone.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import triton_python_backend_utils as triton

LENGTH_OF = "item_index"
"""The input whose zeros are padding."""
ROWS_AT_A_TIME = 16
"""A run of the graph costs what its longest history does, and most histories are short."""


class TritonPythonModel:
    """One instance of one version; the names of these methods are Triton's."""

    def initialize(self, args: dict[str, str]) -> None:
        """Load the graph; refuse it where it does not take and give what the configuration says."""
        config = json.loads(args["model_config"])
        folder = Path(args["model_repository"]) / args["model_version"]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(config["parameters"]["intra_op_thread_count"]["string_value"])
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # A waiting thread that spins takes the core from whoever could use it.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(
            str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"]
        )
        self._inputs = [tensor["name"] for tensor in config["input"]]
        self._outputs = [tensor["name"] for tensor in config["output"]]
        self._check(self._inputs, self._session.get_inputs())
        self._check(self._outputs, self._session.get_outputs())

    def execute(self, requests: list[Any]) -> list[Any]:
        """One response for each request. A request that fails, fails alone."""
        try:
            return self._answer(requests)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the process that serves all
            if len(requests) == 1:
                return [triton.InferenceResponse(error=triton.TritonError(f"{type(error).__name__}: {error}"))]
            return [response for request in requests for response in self.execute([request])]

    def _answer(self, requests: list[Any]) -> list[Any]:
        """Run the rows of all requests together, those of like length beside each other."""
        feed = {name: [triton.get_input_tensor_by_name(r, name).as_numpy() for r in requests] for name in self._inputs}
        ends = np.cumsum([len(array) for array in feed[self._inputs[0]]])[:-1]
        rows = {name: np.concatenate(parts) for name, parts in feed.items()}
        by_length = np.argsort(np.count_nonzero(rows[LENGTH_OF], axis=1), kind="stable")
        runs = [
            self._session.run(self._outputs, {name: values[some] for name, values in rows.items()})
            for some in np.split(by_length, range(ROWS_AT_A_TIME, len(by_length), ROWS_AT_A_TIME))
        ]
        back = np.argsort(by_length)
        answers = [np.concatenate(parts)[back] for parts in zip(*runs, strict=True)]
        parts_of = [np.split(np.ascontiguousarray(answer), ends) for answer in answers]
        return [
            triton.InferenceResponse([triton.Tensor(*pair) for pair in zip(self._outputs, parts, strict=True)])
            for parts in zip(*parts_of, strict=True)
        ]

    @staticmethod
    def _check(configured: list[str], tensors: list[Any]) -> None:
        names = [tensor.name for tensor in tensors]
        if sorted(configured) != sorted(names):
            raise triton.TritonModelException(f"the configuration names {configured}, the graph {names}")
