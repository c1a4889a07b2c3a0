"""`python3 -m deploy.setup`: everything that `make demo` and `make test` need; quick when nothing is missing."""

import argparse
import sys
import time

from deploy.setup import environments, jars, pythons
from deploy.setup.steps import FOLDER, SetupError, say
from deploy.stack.errors import AlreadyRunning
from deploy.stack.folder_lock import locked

LONGEST_SETUP_S = 1800.0


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.setup", description=__doc__)
    parser.add_argument("--python", default="", help="the Python to make the environments of, 3.11 or 3.12")
    arguments = parser.parse_args()
    start = time.monotonic()
    try:
        if not is_complete():
            set_up_alone(arguments.python)
    except (SetupError, AlreadyRunning) as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("setup: interrupted; the next run goes on from here\n")
        return 130
    say(f"Setup: everything is in place ({time.monotonic() - start:.1f} s)")
    return 0


def is_complete() -> bool:
    return environments.is_complete() and jars.is_complete()


def set_up_alone(wanted_python: str) -> None:
    """Set up unless another process does so just now; then let it finish first."""
    try:
        with locked(FOLDER, 0):
            set_up(wanted_python)
    except AlreadyRunning:
        say("Another setup of this checkout is running; waiting for it")
        with locked(FOLDER, LONGEST_SETUP_S):
            set_up(wanted_python)


def set_up(wanted_python: str) -> None:
    """Bring every part up to date that is not; SetupError that says what to do where one cannot be."""
    if not environments.is_complete():
        python = pythons.choose(wanted_python)
        environments.application(python)
        environments.triton(python)
        environments.project()
    jars.broker_jars()


if __name__ == "__main__":
    sys.exit(main())
