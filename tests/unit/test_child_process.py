"""A child process: its log, its end, and that it does not outlive us."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from deploy.stack import process
from deploy.stack.errors import AlreadyRunning, DidNotStart, StackError
from deploy.stack.process import ChildProcess, telling, wait_until


def shell(script: str, folder: Path) -> ChildProcess:
    return ChildProcess(["sh", "-c", script], log=folder / "child.log")


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_what_it_says_goes_to_its_log(tmp_path: Path) -> None:
    child = shell("echo out; echo err >&2; exit 3", tmp_path).start()
    assert child.wait(10) == 3
    assert child.last_lines() == ["out", "err"]
    assert not child.is_running
    assert child.exit_code == 3


def test_only_the_last_lines_are_given(tmp_path: Path) -> None:
    child = shell("seq 1000", tmp_path).start()
    child.wait(10)
    assert child.last_lines(2) == ["999", "1000"]


def test_a_second_start_appends_to_the_log(tmp_path: Path) -> None:
    for word in ("first", "second"):
        shell(f"echo {word}", tmp_path).start().wait(10)
    assert (tmp_path / "child.log").read_text() == "first\nsecond\n"


def test_a_large_log_is_set_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LARGEST_LOG_BYTES", 3)
    for word in ("first", "second"):
        shell(f"echo {word}", tmp_path).start().wait(10)
    assert (tmp_path / "child.log").read_text() == "second\n"
    assert (tmp_path / "child.log.1").read_text() == "first\n"


def test_it_reads_nothing(tmp_path: Path) -> None:
    child = shell("cat; echo end of input", tmp_path).start()
    assert child.wait(10) == 0
    assert child.last_lines() == ["end of input"]


def test_stop_ends_the_command_and_what_it_started(tmp_path: Path) -> None:
    child = shell("sleep 60 & echo $!; wait", tmp_path).start()
    wait_until(lambda: bool(child.last_lines()), 10, "the grandchild's start")
    grandchild = int(child.last_lines()[0])
    assert child.stop() == -signal.SIGTERM
    wait_until(lambda: not is_alive(grandchild), 10, "the grandchild's end")


def test_what_it_started_does_not_outlive_it(tmp_path: Path) -> None:
    child = shell("sleep 60 & echo $!; wait", tmp_path).start()
    wait_until(lambda: bool(child.last_lines()), 10, "the grandchild's start")
    grandchild = int(child.last_lines()[0])
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    wait_until(lambda: not is_alive(grandchild), 10, "the grandchild's end")


def test_waiting_for_an_end_that_does_not_come_has_its_limit(tmp_path: Path) -> None:
    with shell("sleep 60", tmp_path) as child, pytest.raises(subprocess.TimeoutExpired):
        child.wait(0.2)


def test_stop_insists_when_asking_does_not_help(tmp_path: Path) -> None:
    child = shell("trap '' TERM; echo ready; while :; do sleep 0.1; done", tmp_path).start()
    wait_until(lambda: bool(child.last_lines()), 10, "the trap")
    assert child.stop(grace_s=0.3) == -signal.SIGKILL


def test_stop_is_harmless_before_the_start_and_after_the_end(tmp_path: Path) -> None:
    child = shell("exit 0", tmp_path)
    assert child.stop() is None
    child.start().wait(10)
    assert child.stop() == 0


def test_it_cannot_be_started_while_it_runs(tmp_path: Path) -> None:
    with shell("sleep 60", tmp_path) as child, pytest.raises(AlreadyRunning, match=f"pid {child.pid}"):
        child.start()


def test_a_command_that_does_not_exist_ends_with_what_is_wrong_in_its_log(tmp_path: Path) -> None:
    child = ChildProcess(["/no/such/command"], log=tmp_path / "child.log")
    with pytest.raises(StackError):
        child.start().wait_until_ready(lambda: False, 10)


def test_one_that_ends_early_did_not_start_and_tells_why(tmp_path: Path) -> None:
    child = shell("echo no such model; exit 7", tmp_path).start()
    with pytest.raises(DidNotStart, match="exit code 7 before it was ready; its log is") as caught:
        child.wait_until_ready(lambda: False, 10)
    assert caught.value.last_lines == ("no such model",)


def test_one_that_is_not_ready_in_time_is_stopped(tmp_path: Path) -> None:
    child = shell("sleep 60", tmp_path).start()
    with pytest.raises(DidNotStart, match=r"not ready within 0\.2 s"):
        child.wait_until_ready(lambda: False, 0.2)
    assert not child.is_running


def test_ctrl_c_while_waiting_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupted() -> bool:
        raise KeyboardInterrupt

    child = shell("sleep 60", tmp_path).start()
    with pytest.raises(KeyboardInterrupt):
        child.wait_until_ready(interrupted, 10)
    assert not child.is_running


def test_it_survives_the_thread_that_started_it(tmp_path: Path) -> None:
    child = shell("sleep 60", tmp_path)
    thread = threading.Thread(target=child.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert child.is_running
    child.stop()


def test_a_terminals_ctrl_c_does_not_reach_it(tmp_path: Path) -> None:
    with shell("sleep 60", tmp_path) as child:
        assert os.getpgid(child.pid) == child.pid
        assert os.getsid(child.pid) == child.pid


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of its starter's end")
def test_it_ends_when_its_starter_is_killed(tmp_path: Path) -> None:
    script = f"""
        import os, pathlib, signal
        from deploy.stack.process import ChildProcess
        child = ChildProcess(["sleep", "60"], log=pathlib.Path({str(tmp_path / "child.log")!r})).start()
        print(child.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    pid = int(done.stdout)
    wait_until(lambda: not is_alive(pid), 10, "the child's end")


def test_the_lines_of_a_stack_trace_do_not_hide_its_cause() -> None:
    lines = ["Exception: port in use", *["\tat java.lang.Thread.run"] * 20]
    assert telling(lines) == ("Exception: port in use",)


def test_waiting_in_vain_names_what_was_waited_for() -> None:
    with pytest.raises(StackError, match=r"the first list: not within 0\.1 s"):
        wait_until(lambda: False, 0.1, "the first list")
