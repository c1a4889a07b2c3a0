"""The subscriber against a real broker: which lists it hands over, and when."""

import asyncio
import contextlib
import logging
import secrets
import threading
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka import Producer
from msgspec.structs import replace

from deploy.stack.broker import Broker
from streams.clients import latest
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import BrokerUnavailable, TopicMismatch
from streams.contract.messages import Cause, ModelRef, RecommendationList, Recommended
from streams.contract.partitioner import MURMUR2

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def a_list(event_id: str, user_id: str = "12680") -> RecommendationList:
    cause = Cause("purchase", event_id)
    items = [Recommended(rank, f"item {rank}", 0.5 / rank) for rank in range(1, 6)]
    model = ModelRef("next-purchase", 1)
    return RecommendationList(
        messages.list_id(user_id, cause), user_id, cause, NOW, NOW, "model", model, items, [], []
    )  # fmt: skip


class Worker:
    """Puts lists on the topic, as the worker does."""

    def __init__(self, kafka: KafkaConnection) -> None:
        self._topic = kafka.topic_prefix + topics.RECOMMENDATIONS.name
        self._producer = Producer(kafka.for_confluent(partitioner=MURMUR2, linger_ms=0))

    def send(self, *lists: RecommendationList) -> None:
        for one in lists:
            self.send_raw(one.user_id, messages.encode(one))

    def fill(self, one: RecommendationList, count: int) -> None:
        """The same list so many times, in one go."""
        for _ in range(count):
            self._producer.produce(self._topic, messages.encode(one), messages.user_key(one.user_id))
            self._producer.poll(0)
        assert self._producer.flush(60) == 0

    def send_raw(self, user_id: str, value: bytes | None) -> None:
        self._producer.produce(self._topic, value, messages.user_key(user_id))
        assert self._producer.flush(10) == 0


@pytest.fixture
def worker(kafka: KafkaConnection) -> Worker:
    return Worker(kafka)


def causes(lists: Iterator[RecommendationList], count: int) -> list[str]:
    return [one.cause.event_id for one in islice(lists, count)]


def received(subscriber: RecommendationSubscriber, timeout_s: float = 1.0) -> list[str]:
    """What comes until nothing has come for `timeout_s`."""
    return [one.cause.event_id for one in iter(lambda: subscriber.receive(timeout_s), None)]


def test_from_now_on_nothing_is_missed_and_nothing_older_comes(kafka: KafkaConnection, worker: Worker) -> None:
    worker.send(a_list("before"))
    with RecommendationSubscriber(kafka) as subscriber:
        worker.send(a_list("after"))
        assert causes(iter(subscriber), 1) == ["after"]


def test_from_the_beginning_all_that_is_there_comes(kafka: KafkaConnection, worker: Worker) -> None:
    worker.send(*(a_list(str(n), user_id=f"u{n}") for n in range(50)))
    with RecommendationSubscriber(kafka, start="beginning") as subscriber:
        assert sorted(causes(iter(subscriber), 50), key=int) == [str(n) for n in range(50)]


def test_a_list_arrives_whole(kafka: KafkaConnection, worker: Worker) -> None:
    with RecommendationSubscriber(kafka) as subscriber:
        worker.send(a_list("e"))
        assert subscriber.receive(10) == a_list("e")


def test_only_one_customer_is_followed_where_only_one_is_wanted(kafka: KafkaConnection, worker: Worker) -> None:
    with RecommendationSubscriber(kafka, user_id="u1") as subscriber:
        worker.send(*(a_list(f"{user}-{n}", user) for n in range(3) for user in ("u1", "u2", "u3", "u4", "u5")))
        assert received(subscriber) == ["u1-0", "u1-1", "u1-2"]


def test_waiting_ends_at_its_timeout(kafka: KafkaConnection) -> None:
    with RecommendationSubscriber(kafka) as subscriber:
        started = time.monotonic()
        assert subscriber.receive(timeout_s=0.3) is None
        assert 0.3 <= time.monotonic() - started < 1
        assert subscriber.receive(timeout_s=0) is None


def test_what_the_worker_repeats_after_a_crash_is_dropped(kafka: KafkaConnection, worker: Worker) -> None:
    first, second, third = a_list("1"), a_list("2"), a_list("3")
    with (
        RecommendationSubscriber(kafka) as subscriber,
        RecommendationSubscriber(kafka, remembered=0) as everything,
    ):
        worker.send(first, second, first, second, third)
        assert received(subscriber) == ["1", "2", "3"]
        assert received(everything) == ["1", "2", "1", "2", "3"]


def test_what_was_published_since_a_time_is_replayed(kafka: KafkaConnection, worker: Worker) -> None:
    worker.send(*(a_list(f"before-{n}", user_id=f"u{n}") for n in range(8)))
    time.sleep(0.05)
    moment = datetime.now(UTC)
    time.sleep(0.05)
    worker.send(a_list("after-1", "u1"), a_list("after-2", "u1"))
    with RecommendationSubscriber(kafka, start=moment) as subscriber:
        assert received(subscriber) == ["after-1", "after-2"]
    with RecommendationSubscriber(kafka, start=datetime.now(UTC) + timedelta(hours=1)) as subscriber:
        worker.send(a_list("from now on"))
        assert received(subscriber) == ["from now on"], "where nothing is as new, what comes from now on is"
    with RecommendationSubscriber(kafka, start=datetime(1970, 1, 1, tzinfo=UTC)) as subscriber:
        assert len(received(subscriber)) == 11


def test_a_time_without_a_zone_is_refused(kafka: KafkaConnection) -> None:
    with pytest.raises(ValueError, match="has no zone"):
        RecommendationSubscriber(kafka, start=datetime(2011, 12, 9))


def test_lists_that_are_no_change_are_left_out_on_request(kafka: KafkaConnection, worker: Worker) -> None:
    with RecommendationSubscriber(kafka, on_change=True) as subscriber:
        worker.send(a_list("1"), a_list("2"), a_list("3", user_id="u3"), a_list("4"))
        assert sorted(received(subscriber)) == ["1", "3"]


def test_what_is_no_list_is_skipped_with_a_warning(
    kafka: KafkaConnection, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    with RecommendationSubscriber(kafka) as subscriber:
        for value in (b"", b"\xff", b"{}", b'{"list_id": "' + b"\xff" * 9 + b'"}', b'{"x":' + b"[" * 100_000, None):
            worker.send_raw("12680", value)
        worker.send(a_list("good"))
        with caplog.at_level(logging.WARNING):
            assert received(subscriber) == ["good"]
    warnings = [record.getMessage() for record in caplog.records if record.name == latest.__name__]
    assert len(warnings) == 5, "a tombstone is no fault"
    assert all(f"{kafka.topic_prefix}recommendations/" in warning for warning in warnings)


def test_closing_from_another_thread_ends_the_iteration(kafka: KafkaConnection, worker: Worker) -> None:
    subscriber = RecommendationSubscriber(kafka)
    worker.send(a_list("e"))
    closer = threading.Timer(0.5, subscriber.close)
    closer.start()
    assert [one.cause.event_id for one in subscriber] == ["e"]
    closer.join()
    assert list(subscriber) == []
    subscriber.close()


async def test_lists_are_awaited_without_blocking_the_event_loop(kafka: KafkaConnection, worker: Worker) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.01)
            ticks += 1

    with RecommendationSubscriber(kafka) as subscriber:
        ticking = asyncio.ensure_future(tick())
        threading.Timer(0.5, worker.send, [a_list("1"), a_list("2")]).start()
        assert await first(aiter(subscriber), 2) == ["1", "2"]
        ticking.cancel()
    assert ticks > 10


async def first(lists: AsyncIterator[RecommendationList], count: int) -> list[str]:
    found = []
    async for one in lists:
        found.append(one.cause.event_id)
        if len(found) == count:
            break
    return found


async def test_a_cancelled_wait_loses_no_list(kafka: KafkaConnection, worker: Worker) -> None:
    with RecommendationSubscriber(kafka) as subscriber:
        for number in range(20):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await subscriber.receive_async()
            worker.send(a_list(str(number)))
            one = await subscriber.receive_async()
            assert one is not None
            assert one.cause.event_id == str(number)


async def test_closing_ends_an_async_iteration(kafka: KafkaConnection) -> None:
    subscriber = RecommendationSubscriber(kafka)
    threading.Timer(0.3, subscriber.close).start()
    async with asyncio.timeout(5):
        assert [one async for one in subscriber] == []


def test_a_group_goes_on_behind_what_it_was_done_with(kafka: KafkaConnection, worker: Worker) -> None:
    group = kafka.topic_prefix + "emails"
    with RecommendationSubscriber(kafka, group=group) as subscriber:
        worker.send(a_list("1"), a_list("2"), a_list("3"))
        assert causes(iter(subscriber), 2) == ["1", "2"]
    worker.send(a_list("4"))
    with RecommendationSubscriber(kafka, group=group) as subscriber:
        assert received(subscriber) == ["2", "3", "4"], "nobody said that 2 was done with"


def test_a_new_group_starts_when_its_first_subscriber_does(kafka: KafkaConnection, worker: Worker) -> None:
    group = kafka.topic_prefix + "emails"
    worker.send(a_list("before"))
    with RecommendationSubscriber(kafka, group=group) as subscriber:
        worker.send(a_list("at once"))
        assert received(subscriber) == ["at once"]
    with RecommendationSubscriber(kafka, group=group + "-2", start="beginning") as subscriber:
        assert received(subscriber) == ["before", "at once"]


def test_a_group_that_got_nothing_keeps_its_start(kafka: KafkaConnection, worker: Worker) -> None:
    group = kafka.topic_prefix + "emails"
    worker.send(a_list("before"))
    with RecommendationSubscriber(kafka, group=group) as subscriber:
        assert received(subscriber) == []
    worker.send(a_list("meanwhile"))
    with RecommendationSubscriber(kafka, group=group) as subscriber:
        assert received(subscriber) == ["meanwhile"]


def test_two_of_a_group_share_the_lists(kafka: KafkaConnection, worker: Worker) -> None:
    group = kafka.topic_prefix + "emails"
    with (
        RecommendationSubscriber(kafka, group=group, start="beginning") as one,
        RecommendationSubscriber(kafka, group=group, start="beginning") as other,
    ):
        # Members join while they wait.
        joining = threading.Thread(target=other.receive, args=(4.0,))
        joining.start()
        assert one.receive(4.0) is None
        joining.join()
        worker.send(*(a_list(str(n), user_id=f"u{n}") for n in range(40)))
        shares = received(one), received(other)
    assert all(shares)
    assert sorted(shares[0] + shares[1], key=int) == [str(n) for n in range(40)]


def test_the_latest_list_is_the_newest_of_that_customer(
    kafka: KafkaConnection, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(latest, "LOOK_BACK", 3)
    with RecommendationSubscriber(kafka) as subscriber:
        assert subscriber.latest("u0") is None
        worker.send(*(a_list(f"{n}", user_id=f"u{n % 30}") for n in range(120)), a_list("new", "u3"))
        for number in (0, 7, 29):
            found = subscriber.latest(f"u{number}")
            assert found is not None
            assert found.cause.event_id == str(90 + number)
        assert subscriber.latest("u3") == a_list("new", "u3")
        assert subscriber.latest("nobody") is None


def test_an_erased_customer_has_no_latest_list(kafka: KafkaConnection, worker: Worker) -> None:
    worker.send(a_list("e", "u1"))
    worker.send_raw("u1", None)
    with RecommendationSubscriber(kafka) as subscriber:
        assert subscriber.latest("u1") is None


def test_asking_for_the_latest_does_not_disturb_the_iteration(kafka: KafkaConnection, worker: Worker) -> None:
    with RecommendationSubscriber(kafka) as subscriber:
        for number in range(5):
            worker.send(a_list(str(number)))
            assert subscriber.latest("12680") == a_list(str(number))
            assert subscriber.receive(5) == a_list(str(number))


def test_a_reader_that_took_too_long_over_a_list_joins_its_group_again(
    kafka: KafkaConnection, worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    impatient: dict[str, Any] = {"session_timeout_ms": 6_000, "max_poll_interval_ms": 6_000}
    with RecommendationSubscriber(kafka, group=kafka.topic_prefix + "emails", **impatient) as subscriber:
        worker.send(a_list("1"), a_list("2"))
        assert causes(iter(subscriber), 1) == ["1"]
        time.sleep(8)
        assert causes(iter(subscriber), 1) == ["2"]
    assert "joins its group again" in caplog.text


def test_a_reader_that_stops_reading_costs_bounded_memory(kafka: KafkaConnection, worker: Worker) -> None:
    """Some 80 MB are there to be read; left alone, librdkafka fetches 64 of them ahead."""
    wide = replace(a_list("0"), left=[secrets.token_hex(120) for _ in range(800)])
    worker.fill(wide, count=400)
    before = psutil.Process().memory_info().rss
    with RecommendationSubscriber(kafka, start="beginning", remembered=0) as subscriber:
        assert subscriber.receive(30) is not None
        time.sleep(2)
        assert psutil.Process().memory_info().rss - before < 40 << 20
        assert len(causes(iter(subscriber), 399)) == 399, "and it goes on where it stopped"


async def test_an_async_block_reads_and_closes_without_blocking(kafka: KafkaConnection, worker: Worker) -> None:
    worker.send(a_list("e"))
    async with await asyncio.to_thread(RecommendationSubscriber, kafka, start="beginning") as subscriber:
        assert await first(aiter(subscriber), 1) == ["e"]
    assert await subscriber.receive_async() is None


def test_a_broker_that_goes_is_told_and_one_that_comes_back_is_read_from(tmp_path: Path) -> None:
    with Broker(tmp_path) as own:
        kafka = KafkaConnection(own.bootstrap_servers)
        topics.ensure(kafka, topics.TopicLayout(1))
        with RecommendationSubscriber(kafka, broker_timeout_s=1.0) as subscriber:
            assert subscriber.receive(1.0) is None
            own.stop()
            for _ in range(2):
                with pytest.raises(BrokerUnavailable, match=own.bootstrap_servers):
                    subscriber.receive(60)
            own.start()
            Worker(kafka).send(a_list("e"))
            assert causes(patient(subscriber), 1) == ["e"]


def patient(subscriber: RecommendationSubscriber) -> Iterator[RecommendationList]:
    """The lists, however often no broker can be reached in between."""
    while True:
        with contextlib.suppress(BrokerUnavailable):
            yield from subscriber


def test_a_missing_topic_is_told_at_once(bare_kafka: KafkaConnection) -> None:
    with pytest.raises(TopicMismatch, match="nextup topics"):
        RecommendationSubscriber(bare_kafka)


def test_no_broker_is_told_in_bounded_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.contract.reading.TIMEOUT_S", 1.0)
    with pytest.raises(BrokerUnavailable):
        RecommendationSubscriber(KafkaConnection("127.0.0.1:1"))
