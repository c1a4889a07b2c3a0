"""Ask a model version that Triton holds: batches in, candidates out, within a deadline."""

import asyncio

import msgspec
from tritonclient.grpc import InferInput
from tritonclient.grpc.aio import InferenceServerClient, InferResult
from tritonclient.utils import InferenceServerException, np_to_triton_dtype

from serving.candidates import OUTPUT_TYPES, Candidates, joined
from serving.errors import ModelUnavailable
from serving.features import INPUT_TYPES, ModelInputs
from serving.model_config import MAX_BATCH_SIZE

__all__ = ["CHANNEL_OPTIONS", "Candidates", "TritonClient", "TritonSettings", "infer_inputs", "read_answer"]

# gRPC would wait up to two minutes between attempts, long after a restarted server is back.
CHANNEL_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 500),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]


class TritonSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where Triton's gRPC port is (`host:port`), and how long an answer may take."""

    url: str = "127.0.0.1:8001"
    deadline_ms: float = 200


class TritonClient:
    """Asks over gRPC. It belongs to the event loop that uses it first, and may be made before any runs."""

    def __init__(self, settings: TritonSettings) -> None:
        self._settings = settings
        self._client: InferenceServerClient | None = None

    async def candidates(self, name: str, version: int, inputs: ModelInputs) -> Candidates:
        """What version `version` of model `name` answers for the B >= 1 rows of `inputs` (serving.features).

        Raises ModelUnavailable where any part of it is late, missing or unusable. Each request of at
        most MAX_BATCH_SIZE rows has the deadline of the settings.
        """
        rows = len(inputs["item_index"])
        parts = [
            self._ask(name, version, {key: value[start : start + MAX_BATCH_SIZE] for key, value in inputs.items()})
            for start in range(0, rows, MAX_BATCH_SIZE)
        ]
        return joined(await asyncio.gather(*parts))

    async def is_ready(self, name: str, version: int) -> bool:
        """Whether Triton says that it can answer; False as well where it cannot be reached."""
        try:
            ready = await self._connected().is_model_ready(name, str(version), client_timeout=self._deadline_s)
        except InferenceServerException:
            return False
        return bool(ready)

    async def close(self) -> None:
        """Close the connection; the next question opens a new one."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    @property
    def _deadline_s(self) -> float:
        return self._settings.deadline_ms / 1000

    def _connected(self) -> InferenceServerClient:
        # Made here, not in the constructor: an asyncio channel binds to the loop that runs at that moment.
        if self._client is None:
            self._client = InferenceServerClient(self._settings.url, channel_args=CHANNEL_OPTIONS)
        return self._client

    async def _ask(self, name: str, version: int, inputs: ModelInputs) -> Candidates:
        try:
            result = await self._connected().infer(
                name, infer_inputs(inputs), model_version=str(version), client_timeout=self._deadline_s
            )
            answer = read_answer(result)
        except (InferenceServerException, ValueError) as error:
            raise ModelUnavailable(f"{name} version {version} at {self._settings.url}: {error}") from None
        fault = answer.fault(len(inputs["item_index"]))
        if fault:
            raise ModelUnavailable(f"{name} version {version} answered what cannot be used: {fault}")
        return answer


def infer_inputs(inputs: ModelInputs) -> list[InferInput]:
    """The arrays in Triton's words."""
    tensors = []
    for name, dtype in INPUT_TYPES.items():
        tensor = InferInput(name, list(inputs[name].shape), np_to_triton_dtype(dtype))
        tensor.set_data_from_numpy(inputs[name])
        tensors.append(tensor)
    return tensors


def read_answer(result: InferResult) -> Candidates:
    """The arrays of a response; ValueError where one is missing or has not the size it declares."""
    arrays = [result.as_numpy(name) for name in OUTPUT_TYPES]
    if any(array is None for array in arrays):
        raise ValueError(f"the answer lacks one of {', '.join(OUTPUT_TYPES)}")
    return Candidates(*arrays)
