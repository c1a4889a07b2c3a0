"""`nextup dead-letters` and `nextup skip` against a real broker and a real worker."""

import json
import os
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result
from confluent_kafka import Message, Producer

from deploy.cli import main
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Line, Purchase
from streams.contract.partitioner import partition_of
from tests.conftest import PARTITIONS
from tests.integration.workers import (
    BOUGHT_AT,
    Source,
    environment_of,
    eventually,
    lists_by_event,
    records,
    running_worker,
)

USER = "u"
RIGHT = partition_of(USER.encode(), PARTITIONS)
WRONG = (RIGHT + 1) % PARTITIONS
HEADERS: list[tuple[str, str | bytes | None]] = [("trace", b"\x00\xff"), ("trace", b"2")]


def nextup(kafka: KafkaConnection, *arguments: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment_of(kafka, PATH=os.environ["PATH"]))


def told(kafka: KafkaConnection, *arguments: str) -> str:
    done = nextup(kafka, *arguments)
    assert done.exit_code == 0, done.output
    return done.output


def refused(kafka: KafkaConnection, *arguments: str) -> str:
    done = nextup(kafka, *arguments)
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    return done.output


def letters(kafka: KafkaConnection, count: int) -> list[Message]:
    eventually(lambda: len(records(kafka, topics.DEAD_LETTERS)), lambda seen: seen == count, "dead letters")
    return records(kafka, topics.DEAD_LETTERS)


def header(message: Message, name: str) -> Any:
    return dict(message.headers() or [])[name]


def test_letters_are_listed_shown_and_sent_again_once(kafka: KafkaConnection, tmp_path: Path) -> None:
    producer = Producer(kafka.for_confluent())
    purchases, dead = (kafka.topic_prefix + each.name for each in (topics.PURCHASES, topics.DEAD_LETTERS))
    event = messages.encode(Purchase("e1", USER, BOUGHT_AT, [Line("a")]))
    producer.produce(purchases, event, USER, WRONG, headers=HEADERS)
    producer.produce(purchases, b"\x1bjunk", USER, RIGHT)
    assert producer.flush(30) == 0
    with running_worker(kafka, tmp_path):
        misplaced = next(each for each in letters(kafka, 2) if header(each, "error.class") == b"wrong-partition")
        place = (str(misplaced.partition()), str(misplaced.offset()))
        listed = told(kafka, "dead-letters", "list", "--reason", "wrong-partition", "--topic", "purchases")
        assert listed.startswith(f"{place[0]} {place[1]}  ")
        assert max(map(len, listed.splitlines())) <= 80
        shown = [json.loads(line) for line in told(kafka, "dead-letters", "list", "--json").splitlines()]
        assert {each["reason"] for each in shown} == {"wrong-partition", "malformed"}
        assert "\\x1bjunk" in {each["value"] for each in shown}
        assert event.decode() in told(kafka, "dead-letters", "show", *place)

        assert "1 letters would be sent" in refused(kafka, "dead-letters", "replay", "--reason", "wrong-partition")
        told(kafka, "dead-letters", "replay", *place)
        eventually(lambda: lists_by_event(kafka), lambda seen: "e1" in seen, "the list of what was sent again")
        (sent,) = [each for each in records(kafka, topics.PURCHASES) if len(each.headers() or []) == 3]
        assert (sent.key(), sent.value(), sent.partition()) == (USER.encode(), event, RIGHT)
        assert sent.headers() == [*HEADERS, ("replayed-from", f"dead-letters/{place[0]}/{place[1]}".encode())]

        assert f"replayed before, to {purchases}/{RIGHT}/" in refused(kafka, "dead-letters", "replay", *place)
        repeated = told(kafka, "dead-letters", "replay", "--reason", "wrong-partition", "--yes")
        assert "1 were replayed before" in repeated
        assert "0 letters were sent again" in repeated
        told(kafka, "dead-letters", "replay", *place, "--again")

    cut = [*(misplaced.headers() or []), ("source.size", b"9"), ("source.sha256", b"00"), ("source.cut", b"value")]
    producer.produce(dead, b"{", USER, RIGHT, headers=cut)
    assert producer.flush(30) == 0
    newest = json.loads(told(kafka, "dead-letters", "list", "--newest", "1", "--json"))
    at = (str(newest["partition"]), str(newest["offset"]))
    assert "the value is cut: 1 of 9 bytes are kept" in told(kafka, "dead-letters", "show", *at)
    assert "is cut and cannot be replayed" in refused(kafka, "dead-letters", "replay", *at)
    assert "no dead letter lies at partition 0, offset 99" in refused(kafka, "dead-letters", "show", "0", "99")


def test_one_record_is_skipped_and_kept_and_everything_else_stays(kafka: KafkaConnection, tmp_path: Path) -> None:
    source = Source(kafka)
    source.buy(USER, "before", "a")
    source.flush()
    with running_worker(kafka, tmp_path) as worker:
        eventually(lambda: lists_by_event(kafka), lambda seen: "before" in seen, "a first list")
        assert "workers are in the group" in refused(kafka, "skip", str(RIGHT), "1", "--reason", "x")
        assert worker.stop() == 0
    source.buy(USER, "poison", "b")
    source.buy(USER, "after", "c")
    source.flush()

    def try_to_skip(offset: int) -> str:
        return nextup(kafka, "skip", str(RIGHT), str(offset), "--reason", "too much for the worker, ticket 7").output

    eventually(lambda: try_to_skip(2), lambda said: "stand at offset 1" in said, "a refusal to skip another")
    assert "has no partition 77" in refused(kafka, "skip", "77", "0", "--reason", "x")
    assert records(kafka, topics.DEAD_LETTERS) == []
    assert "the workers go on at offset 2" in try_to_skip(1)
    (letter,) = records(kafka, topics.DEAD_LETTERS)
    assert (header(letter, "error.class"), header(letter, "source.offset")) == (b"skipped", b"1")
    assert header(letter, "error.text") == b"too much for the worker, ticket 7"
    with running_worker(kafka, tmp_path):
        found = eventually(lambda: lists_by_event(kafka), lambda seen: "after" in seen, "the list after it")
        assert set(found) == {"before", "after"}
        told(kafka, "dead-letters", "replay", str(letter.partition()), str(letter.offset()))
        eventually(lambda: lists_by_event(kafka), lambda seen: "poison" in seen, "the list of what was skipped")
