"""Decide which versions Triton holds: load, check, ask, drop. Blocking, for whoever releases versions.

Triton must run in explicit mode (--model-control-mode=explicit). It reads the versions to load from the
model's configuration in the repository (serving.model_repository.ModelRepository.pin).
"""

import contextlib
from collections.abc import Iterator, Sequence

from tritonclient.grpc import InferenceServerClient
from tritonclient.utils import InferenceServerException

from serving.candidates import Candidates
from serving.errors import ModelUnavailable
from serving.features import ModelInputs
from serving.triton import CHANNEL_OPTIONS, TritonSettings, infer_inputs, read_answer

LOAD_TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 10.0


class TritonControl:
    """Tells a Triton server what to hold.

    with connected(TritonSettings()) as control:
        control.load("next-purchase", [6, 7])
    """

    def __init__(self, settings: TritonSettings) -> None:
        self._settings = settings
        self._client = InferenceServerClient(settings.url, channel_args=CHANNEL_OPTIONS)

    def close(self) -> None:
        self._client.close()

    def check_live(self) -> None:
        """ModelUnavailable where no Triton answers."""
        with self._translated("asking Triton"):
            self._client.is_server_live(client_timeout=ANSWER_TIMEOUT_S)

    def load(self, name: str, versions: Sequence[int]) -> None:
        """Have Triton hold what the repository's configuration pins; `versions` must be ready afterwards.

        Versions that stay go on answering meanwhile. Raises ModelUnavailable where the load fails or, which
        Triton does not call a failure, a version is not there or damaged.
        """
        with self._translated(f"loading {name}"):
            self._client.load_model(name, client_timeout=LOAD_TIMEOUT_S)
        missing = [str(version) for version in versions if not self.is_ready(name, version)]
        if missing:
            raise ModelUnavailable(f"Triton loaded {name}, but not version {', '.join(missing)}; see Triton's log")

    def is_ready(self, name: str, version: int) -> bool:
        """Whether Triton says that it can answer. Only an answer proves it: see `ask`."""
        with self._translated(f"asking for {name} version {version}"):
            return bool(self._client.is_model_ready(name, str(version), client_timeout=ANSWER_TIMEOUT_S))

    def ask(self, name: str, version: int, inputs: ModelInputs) -> Candidates:
        """What the version answers, as the worker would get it, only with more patience."""
        rows = len(next(iter(inputs.values())))
        with self._translated(f"asking {name} version {version}"):
            result = self._client.infer(
                name, infer_inputs(inputs), model_version=str(version), client_timeout=ANSWER_TIMEOUT_S
            )
            answer = read_answer(result)
        fault = answer.fault(rows)
        if fault:
            raise ModelUnavailable(f"{name} version {version} answered what cannot be used: {fault}")
        return answer

    @contextlib.contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        try:
            yield
        except (InferenceServerException, ValueError) as error:
            # The python backend's report goes on with where in its code that was.
            told = " ".join(str(error).partition("\n\nAt:")[0].split())
            raise ModelUnavailable(f"{doing} at {self._settings.url} failed: {told}") from None


@contextlib.contextmanager
def connected(settings: TritonSettings) -> Iterator[TritonControl]:
    """A control that is closed at the end."""
    control = TritonControl(settings)
    try:
        yield control
    finally:
        control.close()
