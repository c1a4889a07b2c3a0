"""One server per folder, across processes: a lock that its holder's children can keep."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from deploy.stack.errors import AlreadyRunning

POLL_S = 0.05


@contextlib.contextmanager
def locked(folder: Path, timeout_s: float) -> Iterator[IO[bytes]]:
    """Hold the lock of `folder`, which is made if missing.

    AlreadyRunning if another process keeps it for longer than `timeout_s` seconds.

    The lock belongs to the open file that is yielded: a child process that inherits it goes on holding
    the lock after the block, and even after we have ended.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("ab") as file:
        end = time.monotonic() + timeout_s
        while not _try_lock(file):
            if time.monotonic() > end:
                raise AlreadyRunning(f"another process works in {folder}; stop it first")
            time.sleep(POLL_S)
        yield file


def _try_lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
