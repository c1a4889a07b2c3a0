"""One child process: started in a group of its own, with its own log, and stopped together with us."""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from deploy.stack.errors import AlreadyRunning, DidNotStart, StackError

POLL_S = 0.05
LARGEST_LOG_BYTES = 20 << 20
"""A log that has grown beyond this is set aside, as `<name>.1`, at the next start."""

# Linux can signal a child when the thread that started it ends, so one thread that lives as long as
# we do starts them all.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="process-starter")


def wait_until(predicate: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Return once `predicate` is true; StackError that names `what` if it is not within `timeout_s` seconds."""
    end = time.monotonic() + timeout_s
    while not predicate():
        if time.monotonic() > end:
            raise StackError(f"{what}: not within {timeout_s:g} s")
        time.sleep(POLL_S)


class ChildProcess:
    """A command that runs in its own session, reads nothing, and writes all it says to one log file.

    A Ctrl-C at the terminal does not reach it: who started it decides when it stops. Where the system
    can (Linux), it is asked to stop when we are gone, however we went.

        with ChildProcess(["sleep", "60"], log=Path("sleep.log")) as process:
            process.is_running
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        log: Path,
        name: str = "",
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.command = [str(part) for part in command]
        self.name = name or Path(self.command[0]).name
        self.log = log
        self.environment = None if environment is None else dict(environment)
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, keep_open: Sequence[IO[bytes]] = ()) -> Self:
        """Start the command; StackError if it cannot be started or runs already.

        The files in `keep_open` stay open in the command until it ends, and so do locks on them.
        """
        if self.is_running:
            raise AlreadyRunning(f"{self.name} is running, pid {self.pid}")
        with _opened_log(self.log) as log:
            self._process = _starter.submit(self._spawn, log, keep_open).result()
        return self

    @property
    def pid(self) -> int:
        """The process id, which is the id of its group too; 0 before the start."""
        return self._process.pid if self._process else 0

    @property
    def is_running(self) -> bool:
        return self._process is not None and self.exit_code is None

    @property
    def exit_code(self) -> int | None:
        """None before the start and while it runs; -9 if signal 9 ended it.

        What is left of its group is ended before it is known to have ended: nothing outlives it.
        """
        if self._process is None:
            return None
        if self._process.returncode is None and _waits_to_be_collected(self.pid):
            # Until it is collected, its number can belong to no other group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        return self._process.poll()

    def stop(self, grace_s: float = 15.0) -> int | None:
        """Ask the group to end, insist after `grace_s` seconds; the exit code."""
        if self.is_running:
            self.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.wait(grace_s)
        if self.is_running:
            self.send_signal(signal.SIGKILL)
            self.wait(10)
        return self.exit_code

    def send_signal(self, number: signal.Signals) -> None:
        """To the whole group of this process, and to nothing else."""
        if self.is_running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, timeout_s: float | None = None) -> int:
        """Wait for the end; the exit code. subprocess.TimeoutExpired where it does not come within `timeout_s`."""
        if self._process is None:
            raise StackError(f"{self.name} has not been started")
        end = math.inf if timeout_s is None else time.monotonic() + timeout_s
        while (code := self.exit_code) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired(self.command, timeout_s or 0.0)
            time.sleep(POLL_S)
        return code

    def wait_until_ready(self, is_ready: Callable[[], bool], timeout_s: float) -> None:
        """Return once `is_ready`; DidNotStart, with the last log lines, if the process ends or takes too long.

        Whatever cuts the wait short, Ctrl-C included, the process is stopped: none is left half started.
        """
        end = time.monotonic() + timeout_s
        try:
            while not is_ready():
                self._check_starting(end, timeout_s)
                time.sleep(POLL_S)
        except BaseException:
            self.stop()
            raise

    def last_lines(self, count: int = 10) -> list[str]:
        """What the process said last, oldest first."""
        if not self.log.exists():
            return []
        with self.log.open(errors="replace") as lines:
            return [line.rstrip("\n") for line in deque(lines, maxlen=count)]

    def __enter__(self) -> Self:
        return self if self.is_running else self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _spawn(self, log: IO[bytes], keep_open: Sequence[IO[bytes]]) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                [*_dies_with_parent(), *self.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self._folder,
                start_new_session=True,
                pass_fds=[file.fileno() for file in keep_open],
            )
        except OSError as error:
            raise StackError(f"{self.name} could not be started: {error}") from None

    def _check_starting(self, end: float, timeout_s: float) -> None:
        if not self.is_running:
            message = f"{self.name} ended with exit code {self.exit_code} before it was ready"
        elif time.monotonic() > end:
            message = f"{self.name} was not ready within {timeout_s:g} s"
        else:
            return
        raise DidNotStart(message, self.log, telling(self.last_lines(100)))


def _waits_to_be_collected(pid: int) -> bool:
    """Whether a child of ours has ended; it stays as it is, for whoever collects its exit code."""
    return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def telling(lines: Sequence[str], count: int = 10) -> tuple[str, ...]:
    """The last lines that say something: the frames of a Java stack trace hide its cause."""
    return tuple(line for line in lines if not line.startswith("\tat "))[-count:]


# By the time the wish to be told of the starter's end is in place, the starter may be gone already.
_UNLESS_ORPHANED = '[ "$PPID" = "$0" ] && exec "$@"'


def _dies_with_parent() -> list[str]:
    """A prefix that asks the kernel to send SIGTERM to the command when its starter is gone.

    `setpriv` does it after the fork and before the exec; Python code there could deadlock in a process
    with threads.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--", "sh", "-c", _UNLESS_ORPHANED, str(os.getpid())] if setpriv else []


def _opened_log(path: Path) -> IO[bytes]:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and path.stat().st_size > LARGEST_LOG_BYTES:
        path.replace(path.with_name(path.name + ".1"))
    return path.open("ab")
