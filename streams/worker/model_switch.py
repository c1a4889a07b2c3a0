"""Which model version answers now: follows `model-versions`, and changes over between two batches."""

import logging
from typing import NamedTuple

import msgspec

from serving.errors import ServingError
from serving.model_repository import ModelRepository
from serving.vocabulary import Vocabulary
from streams.contract import messages
from streams.contract.messages import ModelRef

log = logging.getLogger(__name__)


class ServingModel(NamedTuple):
    """A version that Triton has loaded, and the items it knows."""

    ref: ModelRef
    vocabulary: Vocabulary


class ModelSwitch:
    """`current` is replaced as a whole; a batch reads it once, so no list mixes two versions.

    A version is announced only after Triton has loaded it. One whose files this worker cannot read is
    refused here, and the version before goes on serving.
    """

    def __init__(self, repository: ModelRepository, name: str) -> None:
        self._repository = repository
        self.name = name
        self.current: ServingModel | None = None

    def on_record(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the `model-versions` topic."""
        if key.decode(errors="replace") != self.name or value is None:
            return
        try:
            version = messages.model_version.decode(value).version
            released = self._repository.read(self.name, version)
        except (msgspec.MsgspecError, ServingError) as error:
            log.error("an announced version of %s cannot be used; staying with the one before: %s", self.name, error)
            return
        self.current = ServingModel(ModelRef(self.name, version), released.vocabulary)
        log.info("%s version %d answers from now on", self.name, version)
