"""A step of the setup: told in one line, skipped when nothing has changed, repaired when it was cut off."""

import contextlib
import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from deploy.stack.locations import RUN_TIME

FOLDER = RUN_TIME / "setup"
LOG = FOLDER / "setup.log"
"""What the commands said, where they did not say it to a terminal."""


class SetupError(Exception):
    """A step cannot be done; the text says what to do."""


def say(text: str, end: str = "\n") -> None:
    sys.stdout.write(text + end)
    sys.stdout.flush()


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    """Tell what is being done, and how many seconds it took."""
    say(f"{what} ... ", end="\n" if sys.stderr.isatty() else "")
    start = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"done in {time.monotonic() - start:.1f} s")


def run(
    command: Sequence[str | Path], environment: Mapping[str, str] | None = None, folder: Path | None = None
) -> None:
    """Run a command; SetupError with its last lines if it fails.

    At a terminal it shows its own progress; elsewhere what it says goes to the log.
    """
    LOG.parent.mkdir(parents=True, exist_ok=True)
    with LOG.open("ab") as log:
        at = log.tell()
        to = None if sys.stderr.isatty() else log
        done = subprocess.run(command, env=environment, cwd=folder, stdout=to, stderr=to, check=False)
    if done.returncode != 0:
        said = LOG.read_bytes()[at:].decode(errors="replace").strip().splitlines()[-15:]
        raise SetupError("\n".join([f"{Path(command[0]).name} failed with exit code {done.returncode}", *said]))


def fingerprint(*parts: Path | str) -> str:
    """One text for the contents of files and for words: if it is unchanged, so are they."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.read_bytes() if isinstance(part, Path) else part.encode())
        digest.update(b"\0")
    return digest.hexdigest()


class Stamp:
    """A file that says for which inputs a folder has been completed; `working` while it is being changed."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f".{name}.stamp"
        self._unfinished = folder / f".{name}.unfinished"

    def says(self, inputs: str) -> bool:
        """Whether the folder is complete for these inputs."""
        return self._file.exists() and self._file.read_text() == inputs and not self.was_cut_off

    @property
    def was_cut_off(self) -> bool:
        """Whether an earlier change began and never ended."""
        return self._unfinished.exists()

    @contextlib.contextmanager
    def working(self, inputs: str) -> Iterator[None]:
        """Change the folder; only if the block ends well, the stamp says so."""
        self._file.unlink(missing_ok=True)
        self._unfinished.touch()
        yield
        self._file.write_text(inputs)
        self._unfinished.unlink()
