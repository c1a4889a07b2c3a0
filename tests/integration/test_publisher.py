"""The publisher against a real broker: what it delivers, refuses and admits not to have delivered."""

import asyncio
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Message, Producer

from deploy.stack.broker import Broker
from streams.clients import delivery
from streams.clients.publisher import CataloguePublisher, PurchasePublisher
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, InvalidEvent, TopicMismatch, Undelivered
from streams.contract.messages import Item, Line, Purchase
from streams.contract.partitioner import partition_of
from streams.contract.reading import read_to_end
from streams.contract.topics import TopicLayout

PARTITIONS = 4


def a_purchase(event_id: str, user_id: str = "12680") -> Purchase:
    """A purchase in 2011, so that its own time and the record's differ."""
    occurred_at = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
    return Purchase(event_id, user_id, occurred_at, [Line("22613", 12, 0.85)])


def published(kafka: KafkaConnection, topic: topics.Topic = topics.PURCHASES) -> list[Message]:
    return list(read_to_end(kafka, kafka.topic_prefix + topic.name))


def event_ids(records: list[Message]) -> list[str]:
    now = datetime.now(UTC)
    return [messages.decode_event(record.key(), record.value(), now).event_id for record in records]


def test_an_event_lies_where_its_receipt_says(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher:
        receipt = publisher.publish_and_wait(a_purchase("e1"))
    (record,) = published(kafka)
    assert receipt == (record.topic(), record.partition(), record.offset())
    assert record.key() == b"12680"
    assert record.value() == messages.encode(a_purchase("e1"))
    assert record.partition() == partition_of(b"12680", PARTITIONS)


def test_the_record_is_as_old_as_its_arrival_whatever_its_producer_says(kafka: KafkaConnection) -> None:
    """By the time of the purchase, retention would delete history as soon as it is published."""
    producer = Producer(kafka.for_confluent())
    producer.produce(kafka.topic_prefix + topics.PURCHASES.name, b"{}", b"12680", timestamp=1_000)
    assert producer.flush(30) == 0
    (record,) = published(kafka)
    age = datetime.now(UTC).timestamp() - record.timestamp()[1] / 1000
    assert abs(age) < 60


def test_leaving_the_block_delivers_everything_in_order_per_customer(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher:
        for number in range(5_000):
            publisher.publish(a_purchase(str(number), user_id=f"u{number % 7}"))
    by_user: dict[bytes | str | None, list[int]] = {}
    for record, event_id in zip(records := published(kafka), event_ids(records), strict=True):
        by_user.setdefault(record.key(), []).append(int(event_id))
    assert sum(map(len, by_user.values())) == 5_000
    assert all(numbers == sorted(numbers) for numbers in by_user.values())


def test_deliveries_are_known_without_further_calls(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher:
        done = threading.Event()
        publisher.publish(a_purchase("e1")).add_done_callback(lambda _: done.set())
        assert done.wait(timeout=10)


def test_many_threads_may_share_a_publisher(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher, ThreadPoolExecutor(8) as threads:
        receipts = list(threads.map(publisher.publish_and_wait, [a_purchase(str(n)) for n in range(200)]))
    assert sorted(receipt.offset for receipt in receipts) == list(range(200))


async def test_it_is_awaited_without_blocking_the_event_loop(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher:
        receipt = await publisher.publish(a_purchase("e1"))
        more = await asyncio.gather(*(publisher.publish_async(a_purchase(str(n))) for n in range(500)))
    assert sorted(one.offset for one in (receipt, *more)) == list(range(501))


async def test_a_cancelled_wait_calls_nothing_back(kafka: KafkaConnection) -> None:
    with PurchasePublisher(kafka) as publisher:
        sent = publisher.publish(a_purchase("e1"))
        waiting = asyncio.ensure_future(publisher.publish_async(a_purchase("e2")))
        await asyncio.sleep(0)
        waiting.cancel()
        await sent
    assert event_ids(published(kafka)) == ["e1", "e2"]


def test_what_is_not_valid_is_refused_and_not_sent(kafka: KafkaConnection) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=2)
    bad = {
        "user_id": a_purchase("e1", user_id=""),
        "event_id": a_purchase("\ud800"),
        "occurred_at": Purchase("e3", "u", tomorrow, [Line("a")]),
        "items[1].quantity": Purchase("e4", "u", datetime.now(UTC), [Line("a"), Line("b", quantity=0)]),
    }
    with PurchasePublisher(kafka) as publisher:
        for field, event in bad.items():
            with pytest.raises(InvalidEvent) as caught:
                publisher.publish(event)
            assert caught.value.field == field
        publisher.publish(a_purchase("good"))
    assert event_ids(published(kafka)) == ["good"]


def test_the_largest_event_of_the_contract_is_delivered(kafka: KafkaConnection) -> None:
    lines = [Line("i" * 256, 1, 0.85)] * messages.MAX_LINES
    event = Purchase("e1", "u", datetime.now(UTC), lines)
    assert len(messages.encode(event)) > 0.5 * messages.MAX_VALUE_BYTES
    with PurchasePublisher(kafka) as publisher:
        publisher.publish_and_wait(event)


def test_items_are_published_under_their_id(kafka: KafkaConnection) -> None:
    with CataloguePublisher(kafka) as publisher:
        publisher.publish(Item("22613", "PACK OF 20 SPACEBOY NAPKINS"))
        with pytest.raises(InvalidEvent, match="item_id"):
            publisher.publish(Item(""))
    (record,) = published(kafka, topics.ITEMS)
    assert record.key() == b"22613"
    assert messages.item_from_json(record.value() or b"").title == "PACK OF 20 SPACEBOY NAPKINS"


def test_a_missing_topic_is_told_at_once(bare_kafka: KafkaConnection) -> None:
    with pytest.raises(TopicMismatch, match="nextup topics"):
        PurchasePublisher(bare_kafka)


def test_no_broker_is_told_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "CONNECT_TIMEOUT_S", 1.0)
    with pytest.raises(BrokerUnavailable, match=r"127\.0\.0\.1:1 "):
        PurchasePublisher(KafkaConnection("127.0.0.1:1"))


def test_a_closed_publisher_sends_nothing_more(kafka: KafkaConnection) -> None:
    publisher = PurchasePublisher(kafka)
    publisher.close()
    publisher.close()
    with pytest.raises(Undelivered, match="closed"):
        publisher.publish(a_purchase("e1"))


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[Broker]:
    """A broker that a test may take away."""
    with Broker(tmp_path) as broker:
        topics.ensure(KafkaConnection(broker.bootstrap_servers), TopicLayout(PARTITIONS))
        yield broker


def test_when_the_broker_is_gone_every_undelivered_event_is_named(own_broker: Broker) -> None:
    kafka = KafkaConnection(own_broker.bootstrap_servers)
    publisher = PurchasePublisher(kafka, delivery_timeout_s=2.0)
    publisher.publish_and_wait(a_purchase("arrived"))
    own_broker.stop()
    lost = [publisher.publish(a_purchase(f"lost-{n}")) for n in range(3)]
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="lost-0"):
        lost[0].result()
    assert time.monotonic() - started < 10
    with pytest.raises(Undelivered, match="3 records never reached purchases") as caught:
        publisher.close()
    assert sorted(caught.value.event_ids) == ["lost-0", "lost-1", "lost-2"]


def fail_after(_: object) -> None:
    raise ZeroDivisionError


def test_an_error_on_its_way_out_is_not_replaced_by_what_was_lost(
    own_broker: Broker, caplog: pytest.LogCaptureFixture
) -> None:
    publisher = PurchasePublisher(KafkaConnection(own_broker.bootstrap_servers), delivery_timeout_s=2.0)
    own_broker.stop()
    with pytest.raises(ZeroDivisionError), publisher:
        fail_after(publisher.publish(a_purchase("lost")))
    assert "lost" in caplog.text


def test_closing_gives_up_after_its_timeout(own_broker: Broker) -> None:
    publisher = PurchasePublisher(KafkaConnection(own_broker.bootstrap_servers))
    own_broker.stop()
    sent = publisher.publish(a_purchase("lost"))
    started = time.monotonic()
    with pytest.raises(Undelivered) as caught:
        publisher.close(timeout_s=1.0)
    assert time.monotonic() - started < 5
    assert caught.value.event_ids == ("lost",)
    with pytest.raises(Undelivered):
        sent.result(timeout=1)


def test_a_full_queue_makes_the_publisher_wait_and_then_say_so(own_broker: Broker) -> None:
    kafka = KafkaConnection(own_broker.bootstrap_servers)
    publisher = PurchasePublisher(kafka, queue_timeout_s=0.5, queue_buffering_max_messages=100)
    own_broker.process.send_signal(signal.SIGSTOP)
    for number in range(100):
        publisher.publish(a_purchase(str(number)))
    started = time.monotonic()
    with pytest.raises(BrokerUnavailable, match="100 records wait"):
        publisher.publish(a_purchase("too many"))
    assert 0.5 <= time.monotonic() - started < 5
    assert len(publisher) == 100
    threading.Timer(0.3, own_broker.process.send_signal, (signal.SIGCONT,)).start()
    publisher.close()
    assert len(published(kafka)) == 100


async def test_a_full_queue_does_not_block_the_event_loop(own_broker: Broker) -> None:
    kafka = KafkaConnection(own_broker.bootstrap_servers)
    publisher = PurchasePublisher(kafka, queue_buffering_max_messages=10)
    own_broker.process.send_signal(signal.SIGSTOP)
    waiting = asyncio.gather(*(publisher.publish_async(a_purchase(str(n))) for n in range(50)))
    await asyncio.sleep(0.2)
    own_broker.process.send_signal(signal.SIGCONT)
    assert len(await waiting) == 50
    publisher.close()


async def test_leaving_an_async_block_delivers_everything_and_does_not_block_the_event_loop(own_broker: Broker) -> None:
    kafka = KafkaConnection(own_broker.bootstrap_servers)
    loop = asyncio.get_running_loop()
    async with await asyncio.to_thread(PurchasePublisher, kafka) as publisher:
        await publisher.publish_async(a_purchase("0"))
        own_broker.process.send_signal(signal.SIGSTOP)
        # Were leaving the block to stop the event loop, the broker would never be woken.
        loop.call_later(0.3, own_broker.process.send_signal, signal.SIGCONT)
        for number in range(1, 50):
            publisher.publish(a_purchase(str(number)))
    # Not here: the broker may have taken all before it was stopped, and it is the event loop that wakes it.
    assert len(await asyncio.to_thread(published, kafka)) == 50


async def test_leaving_an_async_block_names_what_was_lost(own_broker: Broker) -> None:
    publisher = await asyncio.to_thread(
        PurchasePublisher, KafkaConnection(own_broker.bootstrap_servers), delivery_timeout_s=2.0
    )
    own_broker.stop()
    with pytest.raises(Undelivered) as caught:
        async with publisher:
            publisher.publish(a_purchase("lost"))
    assert caught.value.event_ids == ("lost",)
