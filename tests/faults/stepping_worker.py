"""A worker that freezes itself once, at a named step of the durable agent.

Run as `python -m tests.faults.stepping_worker`. FREEZE_AT names the step, FREEZE_AFTER how many times it is
passed before; the process then sends itself SIGSTOP, and someone else has to continue it.
"""

import functools
import inspect
import os
import runpy
import signal
import sys
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaProducer

from streams.worker import faust_internals
from streams.worker.durable_agent import DurableAgent
from streams.worker.state import State

HOOKS: dict[str, tuple[Any, str, bool]] = {
    "1 read": (DurableAgent, "_begin", False),
    "2 decide": (DurableAgent, "_decide", True),
    "3 ask": (DurableAgent, "_ask", False),
    "4 conclude": (DurableAgent, "_conclude", True),
    "5 send": (DurableAgent, "_deliver", False),
    "5 between two sends": (AIOKafkaProducer, "send_batch", True),
    "5 before 6": (State, "write", False),
    "6 before the offset": (State, "write", True),
    "6 offset": (faust_internals, "set_persisted_offset", True),
    "7 acknowledge": (DurableAgent, "_acknowledge", False),
}
"""For each step: where the method is, its name, and whether the freeze comes after it."""


def freeze_at(step: str, passes: int) -> None:
    """Wrap the method of a step; LookupError where it is not found."""
    owner, name, after = HOOKS[step]
    method = getattr(owner, name, None)
    if method is None:
        raise LookupError(f"step {step!r}: there is no {name} in {owner}, so change HOOKS")
    setattr(owner, name, _wrapped(method, _freezer(passes), after=after))


def _freezer(passes: int) -> Callable[[], None]:
    left = passes

    def pass_by() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    return pass_by


def _wrapped(method: Callable[..., Any], pass_by: Callable[[], None], *, after: bool) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(method):

        @functools.wraps(method)
        async def awaited(*args: Any, **named: Any) -> Any:
            if not after:
                pass_by()
            result = await method(*args, **named)
            if after:
                pass_by()
            return result

        return awaited

    @functools.wraps(method)
    def called(*args: Any, **named: Any) -> Any:
        if not after:
            pass_by()
        result = method(*args, **named)
        if after:
            pass_by()
        return result

    return called


if __name__ == "__main__":
    freeze_at(os.environ["FREEZE_AT"], int(os.environ.get("FREEZE_AFTER", "50")))
    sys.argv = ["nextup", "worker"]
    runpy.run_module("deploy", run_name="__main__")
