"""What came between two positions, read from the topic again: for a reader of the stream who comes back."""

from collections.abc import AsyncIterator, Iterator
from itertools import islice

from confluent_kafka import Message
from fastapi.concurrency import run_in_threadpool

from streams.clients.latest import decoded_list
from streams.contract import topics
from streams.contract.connection import KafkaConnection
from streams.contract.reading import Span, assigned_consumer, read_spans
from streams.gateway import server_sent
from streams.gateway.positions import Position

AT_ONCE = 200
"""Lists that are held in memory for one reader."""


async def replayed(
    connection: KafkaConnection, since: Position, until: Position, user_id: str | None
) -> AsyncIterator[bytes]:
    """The lists from `since` up to `until` as events of a stream, `AT_ONCE` at a time.

    The topic is compacted: of each customer at least the newest list comes, and of others those that are still there.
    """
    spans = missed(connection.topic_prefix + topics.RECOMMENDATIONS.name, since, until)
    if not spans:
        return
    position = until | {partition: offset for partition, offset in since.items() if partition in until}
    consumer = assigned_consumer(connection, enable_partition_eof=True)
    try:
        records = read_spans(consumer, spans)
        while events := await run_in_threadpool(_next_events, records, position, user_id):
            yield events
    finally:
        await run_in_threadpool(consumer.close)


def missed(topic: str, since: Position, until: Position) -> list[Span]:
    """What lies between two positions, per partition; a partition that `since` does not know is taken as read."""
    return [
        Span(topic, partition, since[partition], end)
        for partition, end in until.items()
        if since.get(partition, end) < end
    ]


def _next_events(records: Iterator[Message], position: Position, user_id: str | None) -> bytes:
    """The next lists that are wanted, as events; b"" at the end. Moves `position` on."""
    events = (event for record in records if (event := _event(record, position, user_id)))
    return b"".join(islice(events, AT_ONCE))


def _event(record: Message, position: Position, user_id: str | None) -> bytes:
    position[record.partition() or 0] = (record.offset() or 0) + 1
    if record.value() is None or (user_id is not None and record.key() != user_id.encode()):
        return b""
    made = decoded_list(record)
    return server_sent.list_event(made, position) if made else b""
