"""`nextup publish`, `nextup items` and `nextup subscribe` against a real broker."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Cause, RecommendationList, Recommended
from streams.contract.reading import read_to_end
from tests.integration.test_subscriber import Worker

ORDERS = """customer,order,sku,when,pieces
u1,e1,a,2011-06-01 12:00,2
u1,e1,b,2011-06-01 12:00,1
,e2,a,2011-06-01 12:00,1
u2,e3,a,2011-06-01 12:05,0
u2,Ce4,a,2011-06-01 12:10,1
"""
MAPPING = "user=customer,event=order,item=sku,time=when,quantity=pieces"


def nextup(kafka: KafkaConnection, *arguments: str) -> Result:
    environment = {
        "NEXTUP_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "NEXTUP_KAFKA_TOPIC_PREFIX": kafka.topic_prefix,
    }
    return CliRunner(env=environment).invoke(main, arguments)


def values(kafka: KafkaConnection, topic: topics.Topic) -> list[bytes]:
    return [message.value() or b"" for message in read_to_end(kafka, kafka.topic_prefix + topic.name)]


@pytest.fixture
def orders(tmp_path: Path) -> str:
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS)
    return str(path)


def test_a_table_is_published_and_what_was_left_out_is_told(kafka: KafkaConnection, orders: str) -> None:
    options = ("--mapping", MAPPING, "--timezone", "Europe/London", "--returns-prefix", "C", "--rate", "100")
    done = nextup(kafka, "publish", orders, *options)
    assert done.exit_code == 0, done.output
    assert "published 2: 1 purchase, 1 return" in done.output
    assert "left out 2 of 5 rows: no user_id 1, invalid-field quantity 1" in done.output
    assert "row 5: quantity" in done.output
    events = {event.event_id: event for event in map(messages.event_from_json, values(kafka, topics.PURCHASES))}
    assert events.keys() == {"e1", "Ce4"}
    assert events["e1"].occurred_at == datetime(2011, 6, 1, 11, tzinfo=UTC)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--mapping", "user=customer"), "event, item, time is missing"),
        (("--mapping", "who=customer"), "'who=customer' is not understood"),
        (("--mapping", MAPPING + "x"), "piecesx"),
        (("--rate", "0"), "--rate"),
        ((), "mapping"),
    ],
)
def test_wrong_options_are_told_in_a_line(
    kafka: KafkaConnection, orders: str, arguments: tuple[str, ...], says: str
) -> None:
    done = nextup(kafka, "publish", orders, *arguments)
    assert done.exit_code != 0
    assert says in done.output
    assert "Traceback" not in done.output
    assert values(kafka, topics.PURCHASES) == []


def test_items_are_published(kafka: KafkaConnection, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"item_id": "a", "title": "Lamp"}\n{"title": "Vase"}\n')
    done = nextup(kafka, "items", str(path))
    assert "published 1" in done.output
    assert "missing-field item_id 1" in done.output
    assert [messages.item_from_json(value).title for value in values(kafka, topics.ITEMS)] == ["Lamp"]


def test_lists_are_printed_with_titles_or_as_json(kafka: KafkaConnection, tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text('{"item_id": "a", "title": "Lamp [red]"}\n')
    nextup(kafka, "items", str(path))
    now = datetime(2011, 6, 1, tzinfo=UTC)
    items = [Recommended(1, "a", 0.5), Recommended(2, "b", 0.25)]
    wanted = RecommendationList("id", "u1", Cause("purchase", "e1"), now, now, "fallback", None, items, [], [])
    Worker(kafka).send(wanted)
    options = ("subscribe", "--from", "beginning", "--user", "u1", "--count", "1")
    assert "u1 after purchase e1, by fallback:  1 Lamp [red] 2 b" in nextup(kafka, *options).output
    assert json.loads(nextup(kafka, *options, "--json").output) == json.loads(messages.encode(wanted))


def test_lists_are_replayed_from_a_time_and_repeats_left_out_on_request(kafka: KafkaConnection) -> None:
    now = datetime(2011, 6, 1, tzinfo=UTC)
    bought = {"e1": "a", "e2": "a", "e3": "b"}.items()
    worker = Worker(kafka)
    for event_id, item_id in bought:
        items = [Recommended(1, item_id, 0.5)]
        cause = Cause("purchase", event_id)
        worker.send(RecommendationList(event_id, "u1", cause, now, now, "fallback", None, items, [], []))
    options = ("subscribe", "--from", "2011-06-01T00:00:00Z", "--changed", "--count", "2", "--json")
    printed = nextup(kafka, *options).output.splitlines()
    assert [json.loads(line)["cause"]["event_id"] for line in printed] == ["e1", "e3"]


def test_a_start_that_is_no_time_is_told_in_a_line(kafka: KafkaConnection) -> None:
    done = nextup(kafka, "subscribe", "--from", "yesterday")
    assert done.exit_code == 2
    assert "'yesterday' is not now, beginning or a time such as" in done.output
