"""The file with what was found: some of the trainer's settings, as TOML."""

import tomllib
from pathlib import Path

import msgspec
from msgspec import Struct

from serving import durable_files
from trainer.errors import UnreadableData
from trainer.settings import TrainerSettings


class Found(Struct, frozen=True, forbid_unknown_fields=True):
    """The settings that are searched for; each stands for the one of the same name in TrainerSettings."""

    learning_rate: float
    batch_size: int
    embedding: int
    state: int
    item_dropout: float
    state_dropout: float

    def __str__(self) -> str:
        return ", ".join(f"{name} {value:g}" for name, value in msgspec.structs.asdict(self).items())

    def put_into(self, settings: TrainerSettings) -> TrainerSettings:
        """The same settings with these in their places; UnreadableData where one is out of bounds."""
        values = msgspec.structs.asdict(settings) | msgspec.structs.asdict(self)
        try:
            return msgspec.convert(values, TrainerSettings)
        except msgspec.ValidationError as error:
            raise UnreadableData(f"what was found cannot be used: {error}; run nextup tune again") from None


def tuned(settings: TrainerSettings, file: Path) -> tuple[TrainerSettings, Found | None]:
    """The settings with what the file says, and that; as they are where there is no file.

    Raises UnreadableData where it does not hold what `write` has written.
    """
    if not settings.tuned or not file.exists():
        return settings, None
    try:
        found = msgspec.convert(tomllib.loads(file.read_text()), Found)
    except (OSError, ValueError) as error:  # msgspec's and tomllib's errors are ValueErrors
        raise UnreadableData(f"{file} cannot be read: {error}; delete it, or run nextup tune again") from None
    return found.put_into(settings), found


def write(found: Found, file: Path) -> None:
    """Put it in the place of what was found before, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"{name} = {value!r}\n" for name, value in msgspec.structs.asdict(found).items()]
    durable_files.replace(file, "".join(lines).encode())
