"""Files that are either there whole or not at all, also after a power cut."""

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Write a file of its own, down to the disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace(path: Path, content: bytes) -> None:
    """Put new content in the place of a file; a reader sees the old or the new, never a part."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    write(beside, content)
    beside.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make renames within a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
