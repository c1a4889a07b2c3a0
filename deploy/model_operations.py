"""What may be done with the versions of the model, for the page of a gateway: as `nextup model` does it."""

from collections.abc import Iterator
from contextlib import contextmanager

from deploy.settings import Settings
from serving.errors import ServingError
from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl, connected
from streams.contract.errors import ContractError
from streams.contract.messages import ModelVersion
from streams.page.errors import OperationRefused
from streams.page.versions import Version
from trainer.announcement import announced
from trainer.errors import TrainerError
from trainer.swaps.overview import VersionState, overview
from trainer.swaps.swaps import Swaps

REASON = "by hand, on the page"
SHOWN_METRIC = "hit_rate_at_5"


class ModelOperations:
    """streams.page.versions.Operations over trainer.swaps; each call connects anew."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._repository = ModelRepository(settings.models.repository)

    def versions(self) -> list[Version]:
        """Oldest first."""
        settings, name = self._settings, self._settings.models.name
        with _refusing(), connected(settings.triton) as control:
            found = overview(name, announced(settings.kafka, name), self._repository, control, [])
        return [_version(state) for state in found.versions]

    def promote(self, version: int) -> str:
        """Have this version answer; what was done, in one line."""
        with _refusing(), connected(self._settings.triton) as control:
            return _told(self._swaps(control).promote(version, REASON).announced)

    def roll_back(self) -> str:
        """Have the version answer that did before."""
        with _refusing(), connected(self._settings.triton) as control:
            return _told(self._swaps(control).rollback(REASON).announced)

    def challenge(self, version: int, share: float | None) -> str:
        """Try this version beside the one that answers: for a share of the customers, or in the shadow."""
        with _refusing(), connected(self._settings.triton) as control:
            swaps = self._swaps(control)
            if share is None:
                swaps.challenge(version, "shadow", 1.0, REASON)
                return f"Version {version} is tried in the shadow."
            swaps.challenge(version, "canary", share, REASON)
            return f"Version {version} is tried for {share:.0%} of the customers."

    def stop_challenge(self) -> str:
        """Try none any longer."""
        with _refusing(), connected(self._settings.triton) as control:
            return _told(self._swaps(control).stop_challenge(REASON).announced)

    def _swaps(self, control: TritonControl) -> Swaps:
        settings = self._settings
        return Swaps(settings.models.name, settings.kafka, self._repository, control, settings.swap)


def _version(state: VersionState) -> Version:
    known = state.metadata
    if known is None:
        return Version(state.version, state.role, None, None, state.fault)
    return Version(state.version, state.role, known.created_at, known.metrics.get(SHOWN_METRIC))


def _told(record: ModelVersion) -> str:
    return f"Version {record.version} answers."


@contextmanager
def _refusing() -> Iterator[None]:
    """What the floors below raise, in one line for whoever looks at the page."""
    try:
        yield
    except (ContractError, ServingError, TrainerError) as error:
        raise OperationRefused(str(error)) from None
