"""A log four times as long takes little more memory to be put into columns."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec

from tests.swaps.conftest import Report

SMALL, LARGE = 200_000, 800_000
BYTES_PER_LINE = 120
"""Beside the user ids: the columns' own pages (28) and the file's that they are made of (28), and what sorting takes;
as Python objects a line took more than 500."""


def measured(folder: Path, n_lines: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.swaps.log_memory", str(folder), str(n_lines)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = msgspec.json.decode(done.stdout)
    return found


def test_each_further_line_takes_few_bytes(tmp_path: Path, report: Report) -> None:
    small, large = (measured(tmp_path / str(n), n) for n in (SMALL, LARGE))
    more_bytes = (large["peak_mib"] - small["peak_mib"]) * (1 << 20)
    report("log into columns", small=small, large=large, bytes_per_line=round(more_bytes / (LARGE - SMALL)))
    assert more_bytes < BYTES_PER_LINE * (LARGE - SMALL)
