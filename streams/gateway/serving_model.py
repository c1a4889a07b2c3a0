"""The model version that serves: its number from `model-versions`, its vocabulary from the repository."""

from typing import NamedTuple

from serving.errors import VersionNotFound
from serving.model_repository import ModelRepository
from serving.vocabulary import Vocabulary
from streams.contract.messages import ModelRef
from streams.gateway.problems import unavailable
from streams.gateway.views import Views


class KnownVersion(NamedTuple):
    """A version that can be asked."""

    ref: ModelRef
    vocabulary: Vocabulary


class ServingModel:
    """Reads a version's files when it is first asked for."""

    def __init__(self, views: Views, repository: ModelRepository, name: str) -> None:
        self._views = views
        self._repository = repository
        self._name = name
        self._known: KnownVersion | None = None

    def current(self) -> KnownVersion:
        """The version that serves now; Problem 503 where there is none that this gateway can read."""
        announced = self._views.serving_version(self._name)
        if announced is None:
            raise unavailable("no-model", f"no version of {self._name} serves yet; train one with: nextup trainer")
        ref = ModelRef(self._name, announced.version)
        known = self._known
        if known is None or known.ref != ref:
            known = self._known = KnownVersion(ref, self._read(ref.version))
        return known

    def _read(self, version: int) -> Vocabulary:
        try:
            return self._repository.read(self._name, version).vocabulary
        except VersionNotFound as error:
            raise unavailable("model-unreadable", str(error)) from None
