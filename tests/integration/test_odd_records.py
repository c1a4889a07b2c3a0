"""Single records that no publisher of ours would send, against a real broker and a real worker."""

from pathlib import Path

from confluent_kafka import Producer

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Line, Purchase
from streams.contract.partitioner import partition_of
from tests.conftest import PARTITIONS
from tests.integration.workers import BOUGHT_AT, Source, eventually, lists_by_event, records, running_worker


def test_odd_records_harm_nobody_but_themselves(kafka: KafkaConnection, tmp_path: Path) -> None:
    purchases, items = (kafka.topic_prefix + topic.name for topic in (topics.PURCHASES, topics.ITEMS))
    producer = Producer(kafka.for_confluent())
    wrong = (partition_of(b"u", PARTITIONS) + 1) % PARTITIONS
    producer.produce(purchases, messages.encode(Purchase("e1", "u", BOUGHT_AT, [Line("a")])), b"u", partition=wrong)
    producer.produce(items, b'{"item_id":"b","available":"false"}', b"b")
    producer.produce(items, b'{"item_id":"c","title":null,"available":false}', b"c")
    assert producer.flush(30) == 0
    source = Source(kafka)
    odd = b'\xef\xbb\xbf{"event_id":"e2","user_id":"u","occurred_at":"2011-12-09T12:50Z","items":[%s]}'
    source.send(b"u", odd % b'{"item_id":"d","price":null},{"item_id":"b"},{"item_id":"c"}')
    source.flush()
    with running_worker(kafka, tmp_path):
        found = eventually(lambda: lists_by_event(kafka), lambda seen: "e2" in seen, "the list of e2")
        (dead,) = eventually(lambda: records(kafka, topics.DEAD_LETTERS), lambda seen: len(seen) == 1, "a dead letter")
    assert set(found) == {"e2"}
    assert [each.item_id for each in found["e2"].items] == ["d"]
    assert b"murmur2_random" in b" ".join(
        value if isinstance(value, bytes) else value.encode() for _, value in dead.headers() or [] if value
    )
    assert {message.key() for message in records(kafka, topics.PURCHASE_LOG)} == {messages.log_key("u", "e2")}


def test_aborted_and_open_transactions_are_not_read(kafka: KafkaConnection, tmp_path: Path) -> None:
    aborting, staying = (Source(kafka, transactional_id=f"{kafka.topic_prefix}{name}") for name in ("a", "o"))
    for source in (aborting, staying):
        source._producer.init_transactions(30)
        source._producer.begin_transaction()
    aborting.buy("u", "aborted", "a")
    aborting.flush()
    aborting._producer.abort_transaction(30)
    plain = Source(kafka)
    plain.buy("u", "e1", "b")
    plain.flush()
    staying.buy("u", "open", "c")
    staying.flush()
    with running_worker(kafka, tmp_path):
        found = eventually(lambda: lists_by_event(kafka), lambda seen: "e1" in seen, "the list of e1")
    assert set(found) == {"e1"}
    assert [each.item_id for each in found["e1"].items] == ["b"]
    assert {message.key() for message in records(kafka, topics.PURCHASE_LOG)} == {messages.log_key("u", "e1")}
    staying._producer.abort_transaction(30)
