"""Programs for Node, installed with the packages that their locks name, once for each state of the lock."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.stack.locations import CHECKOUT

INSTALLED = CHECKOUT / ".npm"
SILENT = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")


def installed(source: Path) -> Path:
    """A copy of the folder `source` beside its packages; skips the test where there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed; with Node 20 or newer this test runs")
    lock = hashlib.sha256((source / "package-lock.json").read_bytes()).hexdigest()
    folder = INSTALLED / source.name
    stamp = folder / "installed"
    shutil.copytree(source, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules"))
    if not stamp.exists() or stamp.read_text() != lock:
        done = subprocess.run(
            [npm, "ci", *SILENT], cwd=folder, capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr
        stamp.write_text(lock)
    return folder
