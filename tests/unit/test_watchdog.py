"""The watchdog's judgement on scripted looks: what counts as stuck, and what does not."""

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterable

import pytest

from streams.worker.watchdog import Observation, first_look, look_again, why_stuck

STALLED_AFTER_S = 60.0
STEP_S = 5.0


def judged(looks: Iterable[Observation]) -> list[tuple[float, str]]:
    """When the watchdog would have ended the worker, and why."""
    looks = iter(looks)
    watch = first_look(next(looks))
    found = []
    for seen in looks:
        watch = look_again(watch, seen, STALLED_AFTER_S)
        if reason := why_stuck(watch, STALLED_AFTER_S):
            found.append((seen.at, reason))
    return found


def every_five_seconds(
    until: float,
    *,
    is_work: Callable[[float], bool | None] = lambda at: True,
    progress: Callable[[float], int] = lambda at: 0,
    loop_turned_at: Callable[[float], float] = lambda at: at,
) -> list[Observation]:
    times = itertools.takewhile(lambda at: at <= until, itertools.count(0.0, STEP_S))
    return [Observation(at, loop_turned_at(at), is_work(at), (progress(at),)) for at in times]


def test_work_without_progress_for_the_time_is_stuck() -> None:
    assert judged(every_five_seconds(60)) == [(60.0, "there is work, and nothing has moved for 60 s")]


def test_work_without_progress_for_less_is_not() -> None:
    assert judged(every_five_seconds(55)) == []


def test_the_time_counts_from_the_last_progress() -> None:
    ends = judged(every_five_seconds(200, progress=lambda at: min(int(at), 90)))
    assert ends[0][0] == 90 + STALLED_AFTER_S


def test_slow_progress_is_progress() -> None:
    assert judged(every_five_seconds(1000, progress=lambda at: int(at // 55))) == []


def test_progress_may_also_go_back_as_when_a_partition_moves() -> None:
    assert judged(every_five_seconds(1000, progress=lambda at: -int(at // 55))) == []


def test_an_idle_worker_is_not_stuck_and_its_idle_time_does_not_count_later() -> None:
    assert judged(every_five_seconds(1000, is_work=lambda at: False)) == []
    assert judged(every_five_seconds(1000, is_work=lambda at: at > 950)) == []


def test_a_worker_without_a_broker_is_not_stuck_and_has_all_the_time_when_it_is_back() -> None:
    assert judged(every_five_seconds(1000, is_work=lambda at: None)) == []
    ends = judged(every_five_seconds(300, is_work=lambda at: None if at < 100 else True))
    assert ends[0][0] == 95 + STALLED_AFTER_S


def test_a_blocked_event_loop_is_stuck_with_or_without_work() -> None:
    for is_work in (True, False, None):
        looks = every_five_seconds(100, progress=int, loop_turned_at=lambda at: min(at, 20.0))
        looks = [look._replace(is_work=is_work) for look in looks]
        assert judged(looks)[0] == (80.0, "the event loop has not turned for 60 s")


def test_a_loop_that_stopped_over_its_work_is_named_even_where_the_work_waited_longer() -> None:
    ends = judged(every_five_seconds(60, loop_turned_at=lambda at: min(at, 10)))
    assert ends == [(60.0, "the event loop has not turned for 50 s")]


def test_a_loop_that_turned_a_moment_ago_is_not_named() -> None:
    ends = judged(every_five_seconds(60, loop_turned_at=lambda at: min(at, 35)))
    assert ends == [(60.0, "there is work, and nothing has moved for 60 s")]


def test_a_process_that_was_stopped_as_a_whole_has_lost_no_time() -> None:
    before = every_five_seconds(50)
    after = [look._replace(at=look.at + 500, loop_turned_at=10.0) for look in every_five_seconds(55)]
    assert judged([*before, *after]) == []


def test_one_that_stays_stuck_after_that_is_found() -> None:
    after = [look._replace(at=look.at + 500) for look in every_five_seconds(60)]
    assert judged([*every_five_seconds(50), *after])[0][0] == 560.0


@pytest.mark.parametrize("logs_to", ["a log that works", "a log that is blocked"])
def test_the_process_ends_with_its_code_whatever_the_log_does(logs_to: str) -> None:
    script = (
        "import logging, threading, sys\n"
        "from streams.worker import ending, watchdog\n"
        "ending.LAST_WORDS_S = 0.5\n"
        "handler = logging.StreamHandler()\n"
        "logging.getLogger().addHandler(handler)\n"
        f"blocked = {logs_to == 'a log that is blocked'}\n"
        "threading.Thread(target=lambda: blocked and handler.acquire()).start()\n"
        "watchdog.end_process('it is stuck: nothing has moved for 60 s')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 70
    if logs_to == "a log that works":
        assert done.stderr.splitlines()[-1] == (
            "the worker ends, because it is stuck: nothing has moved for 60 s; a new one goes on where it was"
        )
