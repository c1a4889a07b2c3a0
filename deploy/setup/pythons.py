"""Which Python the environments are made of, and which system packages it needs besides."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from deploy.setup.steps import SetupError, run, say, step

VERSIONS = ("3.12", "3.11")
"""Those that Triton's Python backend (numpy 1.26) and TensorFlow both have wheels for."""

_ASK = """
import importlib.util, json, os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
def has_libpython():
    name = "libpython%s.so.1.0" % version
    folders = [sysconfig.get_config_var("LIBDIR"), os.path.join(sys.base_prefix, "lib")]
    if any(folder and os.path.exists(os.path.join(folder, name)) for folder in folders):
        return True
    try:
        import ctypes
        ctypes.CDLL(name)
    except OSError:
        return False
    return True
print(json.dumps({"executable": sys.executable, "version": version,
                  "has_venv": importlib.util.find_spec("ensurepip") is not None, "has_libpython": has_libpython()}))
"""


class Python(NamedTuple):
    """An interpreter: where, which, and whether it can make environments and be embedded."""

    executable: str
    version: str
    has_venv: bool
    has_libpython: bool

    @property
    def missing_packages(self) -> list[str]:
        """System packages, by their Debian names, without which it is of no use here."""
        needs = {f"python{self.version}-venv": self.has_venv, f"libpython{self.version}": self.has_libpython}
        return [name for name, there in needs.items() if not there]


def choose(wanted: str = "") -> Python:
    """A Python of one of VERSIONS, complete; installs what is missing if we may, else SetupError that says how."""
    python = _best(wanted)
    packages = python.missing_packages if python else _packages_of_a_new_python(wanted)
    if packages:
        _install(packages)
        python = _best(wanted)
    if python is None or python.missing_packages:
        raise SetupError("the packages were installed, yet no complete Python was found")
    return python


def _best(wanted: str) -> Python | None:
    """The first candidate that lacks nothing, else the first candidate."""
    found = list(_candidates(wanted))
    return next((python for python in found if not python.missing_packages), found[0] if found else None)


def _candidates(wanted: str) -> Iterator[Python]:
    names = [wanted] if wanted else [sys.executable, *(f"python{version}" for version in VERSIONS), "/usr/bin/python3"]
    for name in names:
        python = ask(name)
        if python and python.version in VERSIONS:
            yield python


def ask(name: str) -> Python | None:
    """What an interpreter says of itself; None where there is none of that name, or it does not run."""
    executable = shutil.which(name)
    if executable is None:
        return None
    done = subprocess.run([executable, "-c", _ASK], capture_output=True, text=True, check=False)
    return Python(**json.loads(done.stdout)) if done.returncode == 0 else None


def _packages_of_a_new_python(wanted: str) -> list[str]:
    """What to install where no candidate is of a version that we can use."""
    for version in VERSIONS if not wanted else ():
        if _apt_has(f"python{version}"):
            return [f"python{version}", f"python{version}-venv", f"libpython{version}"]
    raise SetupError(
        f"{wanted or 'the system'} offers no Python {' or '.join(VERSIONS)}; install one of them, for example with "
        "'uv python install 3.12' or pyenv, and run: make setup PYTHON=/path/to/python3.12"
    )


def _apt_has(package: str) -> bool:
    if shutil.which("apt-cache") is None:
        return False
    shown = subprocess.run(["apt-cache", "show", package], capture_output=True, check=False)
    return shown.returncode == 0


def _install(packages: Sequence[str]) -> None:
    """Install system packages as root; SetupError with the exact command for anyone else."""
    command = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise SetupError(f"the system lacks {' '.join(packages)} (Debian's names); install them and run: make setup")
    if os.geteuid() != 0:
        raise SetupError(
            f"the system lacks {' '.join(packages)}; run this, then: make setup\n  sudo {' '.join(command)}"
        )
    say(f"The system lacks {' '.join(packages)}")
    with step(" ".join(command)):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], environment)
        run(command, environment)
