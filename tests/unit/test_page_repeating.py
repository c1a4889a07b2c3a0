"""What is done again and again goes on after a fault, which is told."""

import asyncio
import logging

import pytest

from streams.page.repeating import Repeating


async def test_a_fault_is_told_with_its_traceback_and_the_work_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    went_on, n_times = asyncio.Event(), 0

    async def work() -> None:
        nonlocal n_times
        n_times += 1
        if n_times == 2:
            raise ZeroDivisionError("one of all pages")
        if n_times == 4:
            went_on.set()

    repeating = Repeating(work, every_s=0.001, again_s=0.001)
    repeating.start()
    await went_on.wait()
    await repeating.stop()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "work has failed; again in 0.001 s" in record.getMessage()
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


async def test_a_stop_cuts_off_what_is_being_done_and_nothing_follows() -> None:
    began, n_ended = asyncio.Event(), 0

    async def work() -> None:
        nonlocal n_ended
        began.set()
        await asyncio.Event().wait()
        n_ended += 1

    repeating = Repeating(work, every_s=0.001)
    repeating.start()
    await began.wait()
    await repeating.stop()
    await asyncio.sleep(0)
    assert n_ended == 0
    assert asyncio.all_tasks() == {asyncio.current_task()}
