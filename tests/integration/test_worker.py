"""The worker as a process, against a real broker, without a model: from purchases to fallback lists."""

import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from confluent_kafka import Message

from deploy.stack.process import ChildProcess
from streams.clients.publisher import CataloguePublisher
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Item, Line, Return
from tests.integration.workers import (
    BOUGHT_AT,
    Source,
    eventually,
    lists,
    lists_by_event,
    records,
    running_worker,
)


@pytest.fixture
def worker(kafka: KafkaConnection, tmp_path: Path) -> Iterator[ChildProcess]:
    with running_worker(kafka, tmp_path) as process:
        yield process


@pytest.fixture
def source(kafka: KafkaConnection) -> Source:
    return Source(kafka)


@pytest.mark.usefixtures("worker")
def test_a_purchase_becomes_a_list_a_log_record_and_an_outcome(kafka: KafkaConnection, source: Source) -> None:
    source.buy("u1", "e1", "a", "b")
    source.buy("u1", "e2", "b", at=BOUGHT_AT + timedelta(days=1))
    source.flush()
    by_event = eventually(lambda: lists_by_event(kafka), lambda found: len(found) == 2, "two lists")
    second = by_event["e2"]
    assert (second.source, second.model, second.user_id) == ("fallback", None, "u1")
    assert [item.item_id for item in second.items] == ["b", "a"]
    assert second.items[0].because == ["b"]
    log = {message.key(): message for message in records(kafka, topics.PURCHASE_LOG)}
    assert set(log) == {messages.log_key("u1", "e1"), messages.log_key("u1", "e2")}
    (outcome,) = [messages.outcome.decode(message.value() or b"") for message in records(kafka, topics.OUTCOMES)]
    assert (outcome.event_id, outcome.list_id) == ("e2", by_event["e1"].list_id)
    assert [hit.item_id for hit in outcome.hits] == ["b"]


@pytest.mark.usefixtures("worker")
def test_all_of_a_users_records_lie_in_the_partition_of_the_purchases(kafka: KafkaConnection, source: Source) -> None:
    for number in range(20):
        source.buy(f"u{number}", f"e{number}", "a")
    source.flush()
    eventually(lambda: lists(kafka), lambda found: len(found) == 20, "20 lists")
    partition = {message.key(): message.partition() for message in records(kafka, topics.PURCHASES)}
    assert len(set(partition.values())) > 1
    assert {message.key(): message.partition() for message in records(kafka, topics.RECOMMENDATIONS)} == partition
    for message in records(kafka, topics.PURCHASE_LOG):
        user_id = messages.event_from_json(message.value() or b"").user_id
        assert message.partition() == partition[messages.user_key(user_id)]


@pytest.mark.usefixtures("worker")
def test_purchases_are_read_whatever_compression_their_publisher_chose(kafka: KafkaConnection) -> None:
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    for codec in codecs:
        source = Source(kafka, compression_type=codec)
        source.buy(f"user of {codec}", codec, *(["a"] * 100))
        source.flush()
    found = eventually(lambda: lists_by_event(kafka), lambda found: len(found) == len(codecs), "a list for each codec")
    assert set(found) == set(codecs)


GOOD = messages.encode(messages.Purchase("e", "u", BOUGHT_AT, [Line("a")]))
BAD_EVENTS: dict[str, tuple[bytes | None, bytes | None, str]] = {
    "unknown type": (b"u", GOOD.replace(b'"purchase"', b'"refund"'), "unknown-type"),
    "missing field": (b"u", GOOD.replace(b'"event_id":"e",', b""), "missing-field"),
    "wrongly typed field": (b"u", GOOD.replace(b'"e"', b"7"), "invalid-field"),
    "no key": (None, GOOD, "empty-key"),
    "empty key": (b"", GOOD, "empty-key"),
    "another user's key": (b"v", GOOD, "key-mismatch"),
    "key that is not UTF-8": (b"\xff", GOOD, "key-mismatch"),
    "time without zone": (b"u", GOOD.replace(b'00Z"', b'00"'), "invalid-field"),
    "time far in the future": (b"u", GOOD.replace(b"2011", b"2111"), "future"),
    "no items": (b"u", GOOD.replace(b'{"item_id":"a"}', b""), "invalid-field"),
    "too many items": (b"u", GOOD.replace(b"[{", b"[" + b'{"item_id":"a"},' * 2000 + b"{"), "invalid-field"),
    "over a megabyte": (b"u", GOOD[:-1] + b',"note":"' + b"x" * 1_100_000 + b'"}', "too-large"),
    "invalid UTF-8": (b"u", GOOD.replace(b'"a"', b'"\xff"'), "malformed"),
    "invalid JSON": (b"u", GOOD[:-1], "malformed"),
    "empty value": (b"u", b"", "empty-value"),
    "tombstone": (b"u", None, "empty-value"),
}


@pytest.mark.usefixtures("worker")
def test_bad_events_end_as_dead_letters_and_those_around_them_get_their_lists(
    kafka: KafkaConnection, source: Source
) -> None:
    for name, (key, value, _) in BAD_EVENTS.items():
        source.buy("u", f"before {name}", "a")
        source.send(key, value)
        source.buy("u", f"after {name}", "a")
    source.flush()
    by_event = eventually(
        lambda: lists_by_event(kafka), lambda found: len(found) == 2 * len(BAD_EVENTS), "a list for each good event"
    )
    assert {f"{when} {name}" for name in BAD_EVENTS for when in ("before", "after")} == set(by_event)
    letters = records(kafka, topics.DEAD_LETTERS)
    found = [(message.key(), message.value(), _header(message, "error.class")) for message in letters]
    assert Counter(found) == Counter(BAD_EVENTS.values())


def _header(message: Message, name: str) -> str:
    value = dict(message.headers() or [])[name]
    assert isinstance(value, bytes)
    return value.decode()


@pytest.mark.usefixtures("worker")
def test_the_same_event_again_makes_no_second_list_and_no_second_log_record(
    kafka: KafkaConnection, source: Source
) -> None:
    for event_id in ("e1", "e1", "e2", "e1"):
        source.buy("u", event_id, "a")
    source.flush()
    eventually(lambda: lists_by_event(kafka), lambda found: "e2" in found, "the list of e2")
    source.buy("u", "e3", "a")
    source.flush()
    eventually(lambda: lists_by_event(kafka), lambda found: "e3" in found, "the list of e3")
    assert [each.cause.event_id for each in lists(kafka)] == ["e1", "e2", "e3"]
    assert len(records(kafka, topics.PURCHASE_LOG)) == 3


@pytest.mark.usefixtures("worker")
def test_a_return_takes_the_item_from_the_history_and_refreshes_the_list(
    kafka: KafkaConnection, source: Source
) -> None:
    source.buy("u", "e1", "a", "b")
    back = Return("r1", "u", BOUGHT_AT + timedelta(days=1), [Line("a")])
    source.send(b"u", messages.encode(back))
    source.flush()
    by_event = eventually(lambda: lists_by_event(kafka), lambda found: "r1" in found, "the list after the return")
    assert by_event["r1"].cause.type == "return"
    assert by_event["r1"].items[0].because == ["b"]


def test_an_event_is_recognised_as_a_repeat_long_after_it_has_left_the_history(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_HISTORY_LINES="2"):
        for event_id in ("e1", "e2", "e3", "e1"):
            source.buy("u", event_id, event_id)
        source.send(b"u", messages.encode(Return("r", "u", BOUGHT_AT, [Line("e3")])))
        source.buy("u", "e3", "e3")
        source.buy("u", "last", "e1")
        source.flush()
        eventually(lambda: lists_by_event(kafka), lambda found: "last" in found, "the last list")
    assert [each.cause.event_id for each in lists(kafka)] == ["e1", "e2", "e3", "r", "last"]
    assert len(records(kafka, topics.PURCHASE_LOG)) == 5


@pytest.mark.usefixtures("worker")
def test_an_erased_user_has_no_list_and_starts_anew(kafka: KafkaConnection, source: Source) -> None:
    source.buy("u", "e1", "a")
    source.send(b"u", messages.encode(messages.Erasure("x", "u", datetime.now(UTC))))
    source.buy("other", "o1", "b")
    source.flush()
    eventually(lambda: lists_by_event(kafka), lambda found: "o1" in found, "the other user's list")
    newest = {message.key(): message.value() for message in records(kafka, topics.RECOMMENDATIONS)}
    assert newest[b"u"] is None
    logged = {message.key(): message.value() for message in records(kafka, topics.PURCHASE_LOG)}
    assert logged[messages.log_key("u", "e1")] is None
    (receipt,) = [messages.erasure_receipt.decode(r.value() or b"") for r in records(kafka, topics.ERASURE_RECEIPTS)]
    assert (receipt.event_id, receipt.log_records, receipt.lists, receipt.histories) == ("x", 1, 1, 1)
    source.buy("u", "e1", "c")
    source.flush()
    anew = eventually(lambda: lists_by_event(kafka), lambda found: found["e1"].items[0].item_id == "c", "a new start")
    assert anew["e1"].left == []


@pytest.mark.usefixtures("worker")
def test_an_item_that_was_withdrawn_a_second_ago_is_not_listed(kafka: KafkaConnection, source: Source) -> None:
    source.buy("u", "e1", "a", "b")
    source.flush()
    eventually(lambda: lists_by_event(kafka), lambda found: "e1" in found, "the first list")
    with CataloguePublisher(kafka) as catalogue:
        catalogue.publish(Item("a", "gone", available=False))
    time.sleep(1)
    source.buy("u", "e2", "b")
    source.flush()
    by_event = eventually(lambda: lists_by_event(kafka), lambda found: "e2" in found, "the second list")
    assert "a" in {item.item_id for item in by_event["e1"].items}
    assert "a" not in {item.item_id for item in by_event["e2"].items}
    assert by_event["e2"].left == ["a"]


def test_a_worker_killed_in_the_middle_loses_no_list(kafka: KafkaConnection, source: Source, tmp_path: Path) -> None:
    events = [f"e{number}" for number in range(6_000)]
    for number, event_id in enumerate(events):
        source.buy(f"u{number % 500}", event_id, f"i{number % 40}")
    source.flush()
    for _ in range(2):
        with running_worker(kafka, tmp_path) as worker:
            _wait_for_more_lists(kafka)
            worker.send_signal(signal.SIGKILL)
            worker.wait(10)
    with running_worker(kafka, tmp_path):
        found = eventually(lambda: lists_by_event(kafka), lambda found: len(found) == len(events), "all lists")
    assert set(found) == set(events)
    ids: dict[str, set[str]] = {}
    for each in lists(kafka):
        ids.setdefault(each.cause.event_id, set()).add(each.list_id)
    assert all(len(of_one_event) == 1 for of_one_event in ids.values())
    assert len({message.key() for message in records(kafka, topics.PURCHASE_LOG)}) == len(events)


def _wait_for_more_lists(kafka: KafkaConnection) -> None:
    before = len(records(kafka, topics.RECOMMENDATIONS))
    eventually(lambda: len(records(kafka, topics.RECOMMENDATIONS)), lambda count: count > before, "some more lists")


def test_a_worker_whose_state_is_gone_has_it_back_from_the_changelog(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path / "first"):
        source.buy("u", "e1", "a", "b")
        source.flush()
        eventually(lambda: lists_by_event(kafka), lambda found: "e1" in found, "the first list")
    with running_worker(kafka, tmp_path / "second"):
        source.buy("u", "e2", "b", at=BOUGHT_AT + timedelta(days=1))
        source.flush()
        by_event = eventually(lambda: lists_by_event(kafka), lambda found: "e2" in found, "the second list")
    assert [item.item_id for item in by_event["e2"].items] == ["b", "a"]
    assert by_event["e2"].left == []


def test_a_worker_makes_the_folder_of_its_state_or_says_in_one_line_why_not(
    kafka: KafkaConnection, source: Source, tmp_path: Path
) -> None:
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_DATADIR=str(tmp_path / "not" / "there")):
        source.buy("u", "e1", "a")
        source.flush()
        eventually(lambda: lists(kafka), bool, "a list")
    (tmp_path / "a file").touch()
    with running_worker(kafka, tmp_path, NEXTUP_WORKER_DATADIR=str(tmp_path / "a file" / "state")) as worker:
        assert worker.wait(60) == 1
    assert worker.last_lines(1)[0].startswith(f"error: worker.datadir {tmp_path}/a file/state cannot be made")


def test_a_worker_refuses_to_start_without_its_topics(bare_kafka: KafkaConnection, tmp_path: Path) -> None:
    with running_worker(bare_kafka, tmp_path) as worker:
        assert worker.wait(60) == 1
    assert "nextup topics" in "\n".join(worker.last_lines(3))
