"""Loads that go on while damage is done."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from streams.contract.connection import KafkaConnection
from tests.faults.load import Load
from tests.integration.workers import Source

TICK_S = 0.05


class SteadyLoad:
    """Publishes so many records a second from a thread, until it is stopped."""

    def __init__(self, kafka: KafkaConnection, load: Load, per_s: int) -> None:
        self._source = Source(kafka)
        self._load = load
        self._per_tick = max(1, round(per_s * TICK_S))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._publish, name="steady load", daemon=True)
        self.n_sent = 0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns when everything sent has arrived."""
        self._stopping.set()
        self._thread.join()
        self._source.flush()

    def _publish(self) -> None:
        due = time.monotonic()
        while not self._stopping.is_set():
            for sent in self._load.records(self._per_tick):
                self._source.send(*sent)
            self.n_sent += self._per_tick
            due += TICK_S
            time.sleep(max(0.0, due - time.monotonic()))


@contextmanager
def steady_load(kafka: KafkaConnection, load: Load, per_s: int) -> Iterator[SteadyLoad]:
    sending = SteadyLoad(kafka, load, per_s)
    sending.start()
    try:
        yield sending
    finally:
        sending.stop()
