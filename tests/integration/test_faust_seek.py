"""Going back to what is committed, as a real consumer of Faust does it: nothing that was read is lost."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import faust
import pytest

from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.worker import faust_internals
from tests.conftest import PARTITIONS
from tests.integration.workers import Source

TIMEOUT_S = 30.0
EVENTS = {f"e{number}" for number in range(8)}


class Reader:
    """A Faust app that notes what arrives, and commits nothing."""

    def __init__(self, kafka: KafkaConnection, folder: Path) -> None:
        faust_internals.seek_with_flow_stopped()
        self.app = faust.App(
            kafka.topic_prefix + "reader",
            broker=[f"kafka://{kafka.bootstrap_servers}"],
            datadir=folder,
            topic_partitions=PARTITIONS,
            topic_disable_leader=True,
            stream_wait_empty=False,  # it would wait for acknowledgements that never come
            web_enabled=False,
        )
        name = kafka.topic_prefix + topics.PURCHASES.name
        source = self.app.topic(name, value_serializer="raw", partitions=PARTITIONS)
        self.seen: list[bytes] = []
        self.arrived = asyncio.Event()

        @self.app.agent(source)  # type: ignore[untyped-decorator]
        async def note(stream: Any) -> None:
            async for event in stream.noack().events():
                self.seen.append(event.message.key)
                self.arrived.set()

    async def until_seen(self, keys: set[bytes]) -> None:
        async with asyncio.timeout(TIMEOUT_S):
            while not keys <= set(self.seen):
                self.arrived.clear()
                await self.arrived.wait()


@pytest.fixture
async def reader(kafka: KafkaConnection, tmp_path: Path) -> AsyncIterator[Reader]:
    reader = Reader(kafka, tmp_path)
    await reader.app.start()
    yield reader
    await reader.app.stop()


async def test_what_was_read_and_never_committed_is_read_again_after_going_back(
    kafka: KafkaConnection, reader: Reader
) -> None:
    source = Source(kafka)
    for key in EVENTS:
        source.send(key.encode(), b"an event")
    source.flush()
    everything = {key.encode() for key in EVENTS}
    await reader.until_seen(everything)
    reader.seen.clear()
    await reader.app.consumer.perform_seek()
    reader.app.consumer.resume_flow()
    await reader.until_seen(everything)
