"""Records as large as the topic lets in, larger once they are read, and histories that outgrow their changelog."""

from confluent_kafka import Message

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Line, Purchase
from streams.worker.dead_letters import KEPT_BYTES
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.integration.workers import BOUGHT_AT, Source, lists_by_event, records
from tests.small_model import ITEM_IDS

N_LARGE = 600


def test_records_of_any_size_harm_nobody_but_themselves(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report
) -> None:
    source = Source(kafka)
    compressed = Source(kafka, compression_type="zstd")
    source.buy("u", "first", ITEM_IDS[0])
    source.send(b"u", b"x" * ((4 << 20) - 90 - len("u")))
    source.send(b"k" * 100_000, b"a key that is no user's")
    source.flush()
    compressed.send(b"u", _purchase_of(5_000_000))
    compressed.flush()
    long_item, long_event = "í" * 128, "短" * 84
    for number in range(N_LARGE):
        source.buy("heavy", f"{long_event}{number:04}", *[f"{long_item[:-2]}{number:04}"] * 3)
    source.buy("heavy", "😀" * 65, ITEM_IDS[0])
    source.buy("u", "last", ITEM_IDS[1])
    source.flush()
    worker = make_worker("worker", NEXTUP_WORKER_HISTORY_LINES="10000")
    with running(worker):
        progress.wait_until_done(worker)
    evidence = Evidence(kafka, max_lines=10_000)
    report("large records", deaths=worker.deaths, **evidence.counts())
    assert worker.deaths == 0
    evidence.check_log()
    evidence.check_state()
    assert {"first", "last"} <= set(lists_by_event(kafka))
    letters = sorted((_header(each, "error.class"), _header(each, "source.cut")) for each in _dead_letters(kafka))
    assert letters == [("invalid-field", ""), ("malformed", "key"), ("too-large", "value"), ("too-large", "value")]
    cut = [each.value() or b"" for each in _dead_letters(kafka) if _header(each, "source.cut") == "value"]
    assert [len(value) for value in cut] == [KEPT_BYTES, KEPT_BYTES]


def _purchase_of(size: int) -> bytes:
    """A purchase that is valid but for its size, and shrinks to little when it is compressed."""
    value = messages.encode(Purchase("huge", "u", BOUGHT_AT, [Line(ITEM_IDS[0])]))
    return value[:-1] + b',"note":"' + b" " * size + b'"}'


def _dead_letters(kafka: KafkaConnection) -> list[Message]:
    return records(kafka, topics.DEAD_LETTERS)


def _header(message: Message, name: str) -> str:
    value = dict(message.headers() or []).get(name)
    return value.decode() if isinstance(value, bytes) else ""
