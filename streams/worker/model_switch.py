"""Which model versions answer now: follows `model-versions`, and changes over between two batches."""

import logging
from typing import Literal, NamedTuple

import msgspec

from serving.errors import ServingError
from serving.model_repository import ModelRepository
from serving.vocabulary import Vocabulary
from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Challenger, ModelRef

log = logging.getLogger(__name__)


class ServingModel(NamedTuple):
    """A version that Triton has loaded, and the items it knows."""

    ref: ModelRef
    vocabulary: Vocabulary


class Trial(NamedTuple):
    """A challenger, and whom it is asked for."""

    model: ServingModel
    mode: Literal["shadow", "canary"]
    share: float


class Models(NamedTuple):
    """What there is to ask at one moment."""

    serving: ServingModel | None = None
    trial: Trial | None = None


class ModelSwitch:
    """`current` is replaced as a whole; a batch reads it once, so no list mixes two versions.

    A version is announced only after Triton has loaded it. One whose files this worker cannot read is
    refused here: the version before goes on serving, or no challenger is tried.
    """

    def __init__(self, repository: ModelRepository, name: str) -> None:
        self._repository = repository
        self.name = name
        self.current = Models()

    def on_record(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the `model-versions` topic."""
        if key.decode(errors="replace") != self.name or value is None:
            return
        try:
            announced = messages.model_version.decode(value)
            messages.check_id_key(key, announced.name, "name")
            serving = self._model(announced.version)
        except (msgspec.MsgspecError, InvalidEvent, ServingError) as error:
            log.error("an announced version of %s cannot be used; staying with the one before: %s", self.name, error)
            return
        self.current = Models(serving, self._trial(announced.challenger))
        log.info("%s version %d answers from now on", self.name, announced.version)

    def _trial(self, challenger: Challenger | None) -> Trial | None:
        if challenger is None:
            return None
        try:
            model = self._model(challenger.version)
        except ServingError as error:
            log.error("the challenger %s %d cannot be used and is not tried: %s", self.name, challenger.version, error)
            return None
        log.info("%s version %d is tried as %s", self.name, challenger.version, challenger.mode)
        return Trial(model, challenger.mode, challenger.share)

    def _model(self, version: int) -> ServingModel:
        """Read once: a vocabulary may have a million items, and what is in the repository never changes."""
        known = (self.current.serving, self.current.trial.model if self.current.trial else None)
        for model in known:
            if model is not None and model.ref.version == version:
                return model
        return ServingModel(ModelRef(self.name, version), self._repository.read(self.name, version).vocabulary)
