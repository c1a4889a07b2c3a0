"""What our local servers share: one per folder, on ports of their own choice, stopped with their starter."""

from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Self

from deploy.stack.errors import DidNotStart
from deploy.stack.folder_lock import locked
from deploy.stack.process import ChildProcess

READY_WITHIN_S = 60.0
HANDOVER_S = 15.0
"""How long to wait for an earlier server in the same folder that is just shutting down."""
ATTEMPTS = 3
"""How often a start is tried with other ports when someone takes one between the choice and the start."""


class LocalServer(ABC):
    """A server process whose ports, log and data live in `folder`; a context manager that stops it."""

    def __init__(self, name: str, folder: Path) -> None:
        self.folder = folder.resolve()
        self.handover_s = HANDOVER_S
        self.process = ChildProcess([], name=name, log=self.folder / f"{name}.log")

    def start(self) -> Self:
        """Start the server and return once it answers.

        Raises MissingPart where it is not installed, AlreadyRunning where the folder or a port that was
        asked for is in use, and DidNotStart, with the last log lines, where it ends or does not answer.
        """
        attempt = 1
        while True:
            try:
                with locked(self.folder, self.handover_s) as lock:
                    self._prepare()
                    self.process.start(keep_open=[lock])
                    self.process.wait_until_ready(self._answers, READY_WITHIN_S)
            except DidNotStart as error:
                if attempt == ATTEMPTS or not _lost_a_port(error):
                    raise
                attempt += 1
            else:
                return self

    def stop(self, grace_s: float = 20.0) -> None:
        """End the server in order; by force after `grace_s` seconds. Nothing happens if it does not run."""
        self.process.stop(grace_s)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @abstractmethod
    def _prepare(self) -> None:
        """Choose ports, lay out files, and set the command of the process; the folder is locked."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether the server does its work for a client."""


def _lost_a_port(error: DidNotStart) -> bool:
    return any("already in use" in line for line in error.last_lines)
