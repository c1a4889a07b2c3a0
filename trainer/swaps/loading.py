"""Have Triton hold a version beside the others, and see that it answers as it did in training."""

from collections.abc import Sequence

from serving.candidates import difference
from serving.errors import ServingError
from serving.model_repository import ModelRepository
from serving.triton_control import TritonControl
from trainer.errors import ReleaseRefused


def load_beside(name: str, version: int, repository: ModelRepository, control: TritonControl) -> None:
    """Load a version beside those that are; ReleaseRefused if it does not answer its golden inputs well.

    It is taken out again then, and the others go on as before.
    """
    earlier = repository.pinned(name)
    there = repository.versions(name)
    wanted = [*(other for other in earlier if other in there and other != version), version]
    repository.pin(name, wanted)
    try:
        control.load(name, wanted)
        golden = repository.read_golden(name, version)
        answers = control.ask(name, version, golden.inputs)
        vocabulary = repository.read(name, version).vocabulary
        fault = difference(golden.answers, answers) or answers.unknown_item(vocabulary.size)
    except ServingError as error:
        fault = str(error)
    if not fault:
        return
    _restore(name, earlier, repository, control)
    raise ReleaseRefused(f"{name} version {version} was not announced: {fault}")


def hold(name: str, versions: Sequence[int], repository: ModelRepository, control: TritonControl) -> None:
    """Have Triton hold exactly these versions, of which none is new to it."""
    repository.pin(name, versions)
    control.load(name, versions)


def _restore(name: str, earlier: Sequence[int], repository: ModelRepository, control: TritonControl) -> None:
    repository.pin(name, earlier)
    if not earlier:
        return
    try:
        control.load(name, earlier)
    except ServingError as error:
        raise ReleaseRefused(f"Triton could not be brought back to {name} {earlier}: {error}") from None
