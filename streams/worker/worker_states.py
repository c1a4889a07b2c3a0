"""Tells which versions this worker asks, so that whoever releases one knows when nobody needs the one before."""

import asyncio
import logging
import socket
import time
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime

from aiokafka.errors import KafkaError

from streams.contract import messages
from streams.contract.messages import WorkerState
from streams.worker.batch import Record
from streams.worker.fenced_producer import FencedProducer
from streams.worker.model_switch import Models, ModelSwitch

log = logging.getLogger(__name__)

EVERY_S = 10.0
POLL_S = 0.25


class WorkerStates:
    """Sends to `topic` at each switch, and every `EVERY_S`."""

    def __init__(
        self,
        producer: FencedProducer,
        topic: str,
        worker: str,
        switch: ModelSwitch,
        partitions: Callable[[], Iterable[int]],
        clock: Callable[[], datetime],
    ) -> None:
        self._producer = producer
        self._topic = topic
        self._worker = worker
        self._switch = switch
        self._partitions = partitions
        self._clock = clock

    async def run(self) -> None:
        """Never ends by itself; what could not be sent is sent the next time."""
        sent, sent_at = Models(), -EVERY_S
        while True:
            models, now = self._switch.current, time.monotonic()
            if models is not sent or now - sent_at >= EVERY_S:
                await self._send(models)
                sent, sent_at = models, now
            await asyncio.sleep(POLL_S)

    async def _send(self, models: Models) -> None:
        state = self.state(models)
        record = Record(self._topic, 0, state.worker.encode(), messages.encode(state))
        try:
            await self._producer.send_unfenced([record])
        except KafkaError as error:
            log.warning("nobody was told which versions this worker asks: %r", error)

    def state(self, models: Models) -> WorkerState:
        return WorkerState(
            worker=self._worker,
            at=self._clock(),
            version=models.serving.ref.version if models.serving else None,
            challenger=models.trial.model.ref.version if models.trial else None,
            partitions=sorted(self._partitions()),
        )


def worker_name(instance_id: str) -> str:
    """What tells this worker from all others: its static membership, or else a name that is made up."""
    return instance_id or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"
