"""Keep a local server in the foreground: it ends with the command, and the command with it."""

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import click

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


@contextmanager
def ending_on_sigterm(last_words: str) -> Iterator[None]:
    """SIGTERM ends what is done within in good order, and the process with exit code 0 and these words."""
    end_on_sigterm()
    try:
        yield
    except SystemExit as ending:
        if ending.code == 0:
            # The signal may have come in the middle of a print, whose console would print that line again.
            click.echo(last_words)
        raise


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
