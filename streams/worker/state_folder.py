"""The worker's folder on disk: taken for one process, with room in it, and every database in it sound.

What lies there can be had again from the changelogs, so a damaged database is no reason to stay down:
it is set aside, and Faust restores it. A folder that cannot be used is one.
"""

import fcntl
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from rocksdict import Options, Rdict

from streams.worker.errors import WorkerError

log = logging.getLogger(__name__)

LEAST_FREE_BYTES = 32 << 20
"""Less than this does not last for the databases' write buffers."""
LOCK = ".lock"
SUSPECT = ".suspect"
"""Lies in the folder when a read found damage: the next start then reads every database as a whole."""

_DAMAGE = ("Corruption", "Invalid argument", "No such file or directory", "File exists", "Not a directory")
_NO_LOCK = ("lock hold by current process", "While lock file")


@contextmanager
def taken(datadir: str) -> Iterator[Path]:
    """The folder, made where it is missing, checked, and this process's alone until the end of the block.

    Raises WorkerError where it cannot be made or written to, has no room, or belongs to another process.
    """
    folder = Path(datadir)
    _make(folder)
    with _locked(folder):
        check_room(folder)
        check_state(folder)
        yield folder


def check_room(folder: Path) -> None:
    """WorkerError where the disk is all but full."""
    free = shutil.disk_usage(folder).free
    if free < LEAST_FREE_BYTES:
        raise WorkerError(
            f"worker.datadir {folder} is on a disk with {free / (1 << 20):.1f} MiB free; at least "
            f"{LEAST_FREE_BYTES >> 20} MiB are needed"
        )


def check_state(folder: Path) -> list[Path]:
    """Open and close every database below `folder`; the damaged ones are set aside, and told.

    Opening finds damage in a database's own files and in the ends of its tables. Damage within a table
    shows when the place is read; a worker that met it left a mark, and then everything is read once.
    Raises WorkerError where a database is in use, or cannot be opened for a reason that a new one would
    share.
    """
    suspect = folder / SUSPECT
    thorough = suspect.exists()
    set_aside = [path for path in sorted(folder.rglob("*.db")) if not _is_sound(path, thorough=thorough)]
    suspect.unlink(missing_ok=True)
    return set_aside


def is_damage(error: BaseException) -> bool:
    """Whether RocksDB says that its files are not what it has written."""
    return "Corruption" in str(error)


def mark_suspect(datadir: str) -> None:
    """Have the next start read every database as a whole."""
    (Path(datadir) / SUSPECT).touch()


def _is_sound(path: Path, *, thorough: bool) -> bool:
    try:
        _open_and_close(path, thorough=thorough)
    except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
        _set_aside_if_damaged(path, error)
        return False
    return True


def _open_and_close(path: Path, *, thorough: bool) -> None:
    database = Rdict(str(path), _strict())
    try:
        if thorough:
            _read_all(database)
    finally:
        database.close()


def _strict() -> Options:
    """Nothing is made anew, and every table's index is looked at."""
    options = Options(raw_mode=True)
    options.create_if_missing(False)
    options.set_max_open_files(-1)
    return options


def _read_all(database: Rdict) -> None:
    place = database.iter()
    place.seek_to_first()
    while place.valid():
        place.next()
    # An iterator ends at a damaged block as if it were the last one; only its status tells.
    place.status()


def _set_aside_if_damaged(path: Path, error: Exception) -> None:
    text = str(error)
    if any(words in text for words in _NO_LOCK):
        raise WorkerError(
            f"the state in {path} is in use by another process; give each worker a worker.datadir of its own"
        ) from None
    if not any(words in text for words in _DAMAGE):
        raise WorkerError(f"the state in {path} cannot be opened: {text}") from None
    aside = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    path.rename(aside)
    log.warning("%s is damaged and will be restored from its changelog; its files now lie in %s: %s", path, aside, text)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkerError(f"worker.datadir {folder} cannot be made: {error.strerror}") from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """RocksDB locks each database, but two workers that start at once may have none yet."""
    with _opened(folder / LOCK) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise WorkerError(
                f"worker.datadir {folder} is in use by another process; give each worker a folder of its own"
            ) from None
        yield


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("wb")
    except OSError as error:
        raise WorkerError(f"worker.datadir {path.parent} cannot be written to: {error.strerror}") from None
