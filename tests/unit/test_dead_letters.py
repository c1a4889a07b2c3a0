"""What a dead letter carries."""

from datetime import UTC, datetime
from hashlib import sha256

from streams.contract.errors import InvalidEvent
from streams.contract.letters import Letter, split_headers
from streams.worker.batch import SourceRecord
from streams.worker.dead_letters import (
    KEPT_BYTES,
    MOST_BYTES,
    MOST_HEADER_BYTES,
    MOST_KEY_BYTES,
    MOST_LETTER_BYTES,
    MOST_TEXT,
    dead_letter,
)

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


def test_a_value_that_the_topic_does_not_take_is_cut_and_known_by_its_hash() -> None:
    value = b"x" * (MOST_BYTES + 1)
    letter = dead_letter("dead-letters", RECORD._replace(value=value), InvalidEvent("too-large", "too large"))
    headers = dict(letter.headers)
    assert letter.value == value[:KEPT_BYTES]
    assert headers["source.cut"] == b"value"
    assert headers["source.size"] == b"%d" % len(value)
    assert headers["source.sha256"] == sha256(value).hexdigest().encode()
    assert headers["trace"] == b"1"


def test_one_that_just_fits_is_whole() -> None:
    letter = dead_letter(
        "dead-letters", RECORD._replace(value=b"x" * MOST_BYTES), InvalidEvent("too-large", "too large")
    )
    assert letter.value == b"x" * MOST_BYTES
    assert "source.cut" not in dict(letter.headers)


def test_keys_headers_and_texts_of_any_size_make_a_letter_of_a_size_that_is_known() -> None:
    record = RECORD._replace(key=b"k" * (1 << 20), headers=(("h", b"v" * MOST_HEADER_BYTES),))
    letter = dead_letter("dead-letters", record, InvalidEvent("malformed", "t" * 1_000_000))
    headers = dict(letter.headers)
    assert letter.key == b"k" * MOST_KEY_BYTES
    assert letter.value == b"junk"
    assert headers["source.cut"] == b"key,headers"
    assert len(headers["error.text"]) == MOST_TEXT
    assert letter.size <= MOST_LETTER_BYTES


def test_a_header_without_a_value_counts_its_name() -> None:
    letter = dead_letter("dead-letters", RECORD._replace(headers=(("é", None),)), InvalidEvent("malformed", "x"))  # type: ignore[arg-type]
    assert letter.size > 2


def test_who_reads_a_letter_is_told_whichever_part_of_it_was_cut() -> None:
    large = b"x" * (MOST_BYTES + 1)
    cut = [RECORD._replace(value=large), RECORD._replace(key=large), RECORD._replace(headers=(("h", large),))]
    assert [_is_cut(record) for record in [*cut, RECORD]] == [True, True, True, False]


def _is_cut(record: SourceRecord) -> bool:
    made = dead_letter("dead-letters", record, InvalidEvent("too-large", "too large"))
    own, about = split_headers(made.headers)
    return Letter(made.partition, 0, datetime.now(UTC), made.key, made.value, own, about).is_cut
