"""Which versions the running workers ask, as they say themselves on `worker-states`."""

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec

from streams.contract import messages
from streams.contract.connection import KafkaConnection
from streams.contract.messages import ModelVersion, WorkerState
from streams.contract.reading import read_to_end
from streams.contract.topics import WORKER_STATES

SILENT = timedelta(seconds=30)
"""A worker says every ten seconds that it is there; one that has not for so long is gone."""
POLL_S = 0.25
TAIL = 5_000
"""Newest records that are looked at: those of the last `SILENT` are among them with a thousand workers."""


def live_workers(connection: KafkaConnection) -> list[WorkerState]:
    """The workers that are there now."""
    topic = connection.topic_prefix + WORKER_STATES.name
    values = (record.value() for record in read_to_end(connection, topic, tail=TAIL))
    return live_among(values, datetime.now(UTC))


def live_among(values: Iterable[bytes | None], now: datetime) -> list[WorkerState]:
    """The newest state of each worker, if it is not too old; what is no state is passed over."""
    newest: dict[str, WorkerState] = {}
    for value in values:
        try:
            state = messages.worker_state.decode(value or b"")
        except msgspec.MsgspecError:
            continue
        newest[state.worker] = state
    return [state for state in newest.values() if now - state.at <= SILENT]


def follows(state: WorkerState, announced: ModelVersion) -> bool:
    """Whether a worker asks what was announced."""
    challenger = announced.challenger.version if announced.challenger else None
    return (state.version, state.challenger) == (announced.version, challenger)


class Waited(NamedTuple):
    """The workers there were at the end of the waiting, by name."""

    following: tuple[str, ...]
    late: tuple[str, ...]
    """Those that do not ask what was announced: none, one hopes."""


def await_all(connection: KafkaConnection, announced: ModelVersion, within_s: float) -> Waited:
    """Until all workers ask what was announced, or the time is over."""
    deadline = time.monotonic() + within_s
    while True:
        states = sorted(live_workers(connection), key=lambda state: state.worker)
        late = tuple(state.worker for state in states if not follows(state, announced))
        if not late or time.monotonic() >= deadline:
            return Waited(tuple(state.worker for state in states if state.worker not in late), late)
        time.sleep(POLL_S)
