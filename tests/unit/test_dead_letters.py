"""What a dead letter carries."""

from streams.contract.errors import InvalidEvent
from streams.worker.batch import SourceRecord
from streams.worker.dead_letters import dead_letter

RECORD = SourceRecord("purchases", 2, 41, b"\xff", b"junk", (("trace", b"1"),))


def test_a_dead_letter_has_the_raw_record_and_says_why_and_from_where() -> None:
    letter = dead_letter("dead-letters", RECORD, InvalidEvent("malformed", "not JSON"))
    assert (letter.partition, letter.key, letter.value) == (2, b"\xff", b"junk")
    assert letter.headers == (
        ("trace", b"1"),
        ("error.class", b"malformed"),
        ("error.type", b"InvalidEvent"),
        ("error.text", b"not JSON"),
        ("source.topic", b"purchases"),
        ("source.partition", b"2"),
        ("source.offset", b"41"),
    )


def test_an_error_of_ours_is_told_from_a_fault_of_the_event() -> None:
    letter = dead_letter("dead-letters", RECORD, ZeroDivisionError("division by zero"))
    assert ("error.class", b"internal-error") in letter.headers
