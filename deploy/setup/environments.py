"""The two Python environments, from locks with hashes: the application's, and Triton's own."""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from deploy.setup.pythons import Python
from deploy.setup.steps import SetupError, Stamp, fingerprint, run, step
from deploy.stack.locations import APP_ENVIRONMENT, CHECKOUT, TRITON_ENVIRONMENT

LOCKS = CHECKOUT / "deploy" / "requirements"
APP_LOCK = LOCKS / "app.lock"
TRITON_LOCK = LOCKS / "triton.lock"
PROJECT = CHECKOUT / "pyproject.toml"


def application(python: Python) -> None:
    """`.venv`: everything that the application, its trainer and its tests need."""
    _build(APP_ENVIRONMENT, APP_LOCK, python)


def triton(python: Python) -> None:
    """`.venv-triton`: the server's wheel, and what its Python backend imports."""
    _build(TRITON_ENVIRONMENT, TRITON_LOCK, python)


def project() -> None:
    """The `nextup` command in `.venv`, running from this checkout."""
    stamp = Stamp(APP_ENVIRONMENT, "project")
    inputs = fingerprint(PROJECT, str(CHECKOUT))
    if stamp.says(inputs):
        return
    with step("Installing the nextup command into .venv"), stamp.working(inputs):
        _install(APP_ENVIRONMENT, ["--no-deps", "--no-build-isolation", "--editable", str(CHECKOUT)])


def uv_entry(lock: str) -> str:
    """The lines of a lock that pin uv and its hashes: enough for pip to install the installer."""
    found = re.search(r"^uv==[^\n]*\\\n(?:[ ]+--hash=[^\n]*\n)+", lock, re.MULTILINE)
    if found is None:
        raise SetupError(f"{APP_LOCK} pins no uv; run: make lock")
    return found[0]


def is_complete() -> bool:
    """Whether both environments are what their locks say, for whichever Python they were made."""
    places = ((APP_ENVIRONMENT, APP_LOCK), (TRITON_ENVIRONMENT, TRITON_LOCK))
    return all(
        Stamp(folder, "lock").says(_inputs(lock)) and (folder / "bin" / "python").exists() for folder, lock in places
    ) and Stamp(APP_ENVIRONMENT, "project").says(fingerprint(PROJECT, str(CHECKOUT)))


def _inputs(lock: Path) -> str:
    return fingerprint(lock, str(CHECKOUT))  # scripts in an environment hold its path


def _build(folder: Path, lock: Path, python: Python) -> None:
    stamp = Stamp(folder, "lock")
    inputs = _inputs(lock)
    if stamp.was_cut_off or (folder.exists() and not _runs(folder)):
        with step(f"Removing {folder.name}, which is damaged"):
            shutil.rmtree(folder)
    if stamp.says(inputs):
        return
    if not folder.exists():
        with step(f"Making {folder.name} with Python {python.version}"):
            _make(folder, python)
    with step(f"Installing {_count(lock)} packages into {folder.name}"), stamp.working(inputs):
        if folder == APP_ENVIRONMENT:
            _install_uv()
        _install(folder, ["--no-deps", "--require-hashes", "-r", str(lock)])


def _make(folder: Path, python: Python) -> None:
    run([python.executable, "-m", "venv", "--clear", folder])


def _runs(folder: Path) -> bool:
    """Not if the Python it was made of is gone, if it was moved here, or if its making was cut off."""
    try:
        return subprocess.run([folder / "bin" / "pip", "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _count(lock: Path) -> int:
    return len(re.findall(r"^[a-zA-Z0-9]", lock.read_text(), re.MULTILINE))


def _install_uv() -> None:
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "uv.txt")
        requirements.write_text(uv_entry(APP_LOCK.read_text()))
        run([APP_ENVIRONMENT / "bin" / "python", "-m", "pip", "install", "--require-hashes", "-r", requirements])


def _install(folder: Path, arguments: list[str]) -> None:
    """With uv, which is many times faster; with pip where uv does not get through."""
    python = folder / "bin" / "python"
    uv = APP_ENVIRONMENT / "bin" / "uv"
    try:
        run([uv, "pip", "install", "--python", python, *arguments], uv_environment(os.environ, _pip_settings(python)))
    except SetupError:
        run([python, "-m", "pip", "install", *arguments])


def uv_environment(environment: Mapping[str, str], pip_settings: Mapping[str, str]) -> dict[str, str]:
    """Variables that make uv use the package indexes which pip is set up for, and the system's certificates.

    What is set for uv itself stays as it is.
    """
    translated = {
        "UV_DEFAULT_INDEX": pip_settings.get("index-url"),
        "UV_INDEX": pip_settings.get("extra-index-url"),
        "UV_FIND_LINKS": pip_settings.get("find-links"),
        "UV_SYSTEM_CERTS": "1",
    }
    return {name: value for name, value in translated.items() if value} | dict(environment)


def _pip_settings(python: Path) -> dict[str, str]:
    """pip's own settings, from its files and its environment variables: the latter come last, and win."""
    listed = subprocess.run([python, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False)
    lines = (line.partition("=") for line in listed.stdout.splitlines())
    return {name.rpartition(".")[2]: value.strip("'") for name, _, value in lines if value}
