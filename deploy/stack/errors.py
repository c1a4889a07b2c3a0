"""What can go wrong with the local stack.

StackError
 ├── MissingPart       something that `make setup` installs is not there
 ├── AlreadyRunning    another process works in the same folder, or on the port that was asked for
 └── DidNotStart       a process ended early or was not ready in time; carries its last log lines
"""

from pathlib import Path


class StackError(Exception):
    """Base of all errors that this package raises on purpose."""


class MissingPart(StackError):
    """A part of the installation is not where it should be; the text names the make target."""


class AlreadyRunning(StackError):
    """A folder or a port is in use by another process."""


class DidNotStart(StackError):
    """A process ended before it was ready, or was not ready in time.

    `log` is its log file and `last_lines` what it said last, oldest first.
    """

    def __init__(self, message: str, log: Path, last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(f"{message}; its log is {log}")
        self.log = log
        self.last_lines = last_lines
