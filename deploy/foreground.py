"""Keep a local server in the foreground: it ends with the command, and the command with it."""

import signal
import sys
import time
from types import FrameType

from deploy.errors import SettingsError
from deploy.stack.errors import StackError
from deploy.stack.server import LocalServer

LOCAL_HOSTS = ("127.0.0.1", "localhost")


def local_port(setting: str, address: str) -> int:
    """The port in `host:port`, which must name this machine; SettingsError otherwise."""
    host, _, port = address.partition(",")[0].rpartition(":")
    if host not in LOCAL_HOSTS or not port.isdigit():
        raise SettingsError(f"{setting} is {address!r}; expected 127.0.0.1:port, or choose one with --port")
    return int(port)


def run_until_stopped(server: LocalServer) -> None:
    """Return never: SIGTERM ends the command with exit code 0, Ctrl-C with KeyboardInterrupt.

    StackError if the server ends by itself.
    """
    end_on_sigterm()
    while server.process.is_running:
        time.sleep(0.2)
    process = server.process
    raise StackError(f"{process.name} ended with exit code {process.exit_code}; its log is {process.log}")


def end_on_sigterm() -> None:
    """From now on SIGTERM ends this process in good order, with exit code 0."""
    signal.signal(signal.SIGTERM, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
