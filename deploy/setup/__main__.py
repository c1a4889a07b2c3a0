"""`python3 -m deploy.setup`: everything that `make demo` and `make test` need; quick when nothing is missing."""

import argparse
import sys
import time

from deploy.setup import environments, jars, pythons
from deploy.setup.steps import SetupError, say


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m deploy.setup", description=__doc__)
    parser.add_argument("--python", default="", help="the Python to make the environments of, 3.11 or 3.12")
    arguments = parser.parse_args()
    start = time.monotonic()
    try:
        set_up(arguments.python)
    except SetupError as error:
        sys.stderr.write(f"setup: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("setup: interrupted; the next run goes on from here\n")
        return 130
    say(f"Setup: everything is in place ({time.monotonic() - start:.1f} s)")
    return 0


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
