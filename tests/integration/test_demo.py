"""The demo as a newcomer runs it, and what it says when something goes wrong."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from deploy.demo.story import read_place

# How well the model learns is seen elsewhere; here it must have learnt.
BRIEFLY = {"NEXTUP_TRAINER_EPOCHS": "1", "NEXTUP_TRAINER_MOST_EPOCHS": "1"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """State that the demos of this module share, as those of one checkout do."""
    return tmp_path_factory.mktemp("demo")


def demo(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "deploy", "demo", "--folder", str(folder), *arguments]
    environment = os.environ | BRIEFLY
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)


def interrupted_demo(folder: Path, interrupt: Callable[[psutil.Process], None]) -> tuple[int, str]:
    """A demo that is interrupted in the middle of its replay; nothing it has started may be left."""
    replayed = read_place(folder / "place.json").replayed
    with demo(folder, "--rate", "50") as running:
        try:
            process = psutil.Process(running.pid)
            _await_line(running, "purchase to list")
            time.sleep(2)  # at 50 a second, so that there is something to go on from
            children = process.children(recursive=True)
            interrupt(process)
            said, _ = running.communicate(timeout=60)
        finally:
            running.kill()
    assert len(children) >= 3
    _, left = psutil.wait_procs(children, timeout=10)
    assert left == []
    assert read_place(folder / "place.json").replayed > replayed
    return running.returncode, said


def _await_line(running: subprocess.Popen[str], text: str) -> None:
    assert running.stdout is not None
    for line in running.stdout:
        if text in line:
            return
    pytest.fail(f"the demo ended before it said {text!r}")


def test_the_demo_goes_from_an_empty_folder_to_lists_by_a_model(folder: Path) -> None:
    running = demo(folder, "--purchases", "40", "--rate", "50")
    said, _ = running.communicate(timeout=300)
    assert running.returncode == 0, said
    assert "18,949 orders before 2011-11-09; left out: 135,080 rows" in said
    figures = json.loads(said.splitlines()[-1])
    assert figures["purchases"] == 40
    assert figures["lists"] >= 40
    assert figures["dead_letters"] == 0
    assert figures["model_version"] == 1
    assert 0 < figures["latency_ms"]["p50"] <= figures["latency_ms"]["p99"]
    assert 0 < figures["popularity_hit_rate_at_5"] < 1
    assert 0 < figures["hit_rate_at_5"] < 1
    assert figures["seconds_to_first_list"] > 0


def test_ctrl_c_stops_everything_and_the_next_demo_goes_on_from_there(folder: Path) -> None:
    code, said = interrupted_demo(folder, lambda process: process.send_signal(signal.SIGINT))
    assert code == 130, said


def test_a_process_that_fails_is_named_with_its_last_lines(folder: Path) -> None:
    def kill_triton(process: psutil.Process) -> None:
        (triton,) = [child for child in process.children() if child.name() == "tritonserver"]
        triton.kill()

    code, said = interrupted_demo(folder, kill_triton)
    assert code == 1, said
    assert "triton has ended with exit code -9; its log is" in said
