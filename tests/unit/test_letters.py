"""What is read of a dead letter, how it is shown, and what of it may be sent again."""

from datetime import UTC, datetime

import pytest

from deploy.letter_lines import as_json, details, readable, summary
from streams.clients.letter_box import check_replayable
from streams.contract.errors import InvalidEvent
from streams.contract.letters import Letter, headers_of_replay, split_headers
from streams.worker.batch import SourceRecord
from streams.worker.dead_letters import dead_letter
from streams.worker.errors import WorkerError
from streams.worker.skipping import check_place

RECORD = SourceRecord("p.purchases", 2, 41, b"u", b"\x1b[31m{}\xff", (("trace", b"1"), ("replayed-from", b"old")))


def letter(**added: bytes) -> Letter:
    headers = dead_letter("p.dead-letters", RECORD, InvalidEvent("malformed", "not JSON " * 20)).headers
    own, about = split_headers([*headers, *((f"source.{name}", value) for name, value in added.items())])
    return Letter(1, 7, datetime(2026, 1, 5, 10, tzinfo=UTC), RECORD.key, RECORD.value, own, about)


def test_the_records_own_headers_are_told_from_the_added_ones() -> None:
    found = letter(cut=b"true", size=b"5000000", sha256=b"ab")
    assert found.own_headers == RECORD.headers
    assert (found.reason, found.source, found.is_cut) == ("malformed", "p.purchases/2/41", True)
    assert not letter().is_cut


def test_a_replay_names_its_letter_and_forgets_an_earlier_one() -> None:
    assert headers_of_replay(letter()) == (("trace", b"1"), ("replayed-from", b"dead-letters/1/7"))


def test_a_letter_of_a_topic_of_ours_is_replayable_and_no_other() -> None:
    check_replayable(letter(), "p.")
    with pytest.raises(InvalidEvent, match="is cut and cannot be replayed"):
        check_replayable(letter(cut=b"true"), "p.")
    with pytest.raises(InvalidEvent, match="comes from no topic"):
        check_replayable(letter(), "other.")
    with pytest.raises(InvalidEvent, match="comes from no topic"):
        check_replayable(letter()._replace(about={"source.topic": "p.dead-letters"}), "p.")


def test_a_summary_fits_80_columns_and_moves_no_cursor() -> None:
    lines = summary(letter(cut=b"true"))
    assert [len(line) <= 80 for line in lines] == [True, True]
    assert lines[0] == "1 7  2026-01-05 10:00:00  malformed  p.purchases/2/41, cut"
    assert summary(letter()._replace(about={}))[1] == "    no text"


def test_details_tell_whether_the_value_is_cut_and_escape_what_a_terminal_obeys() -> None:
    told = "\n".join(details(letter(cut=b"true", size=b"5000000"), 100))
    assert "the value is cut: 8 of 5000000 bytes are kept; it cannot be replayed" in told
    assert "\x1b" not in told
    assert r"\x1b[31m{}\xff" in told
    assert "value, the first 2 of 8 bytes:" in "\n".join(details(letter(), 2))


def test_a_null_is_no_empty_text() -> None:
    assert (readable(None), readable(b"")) == ("null", "")
    assert as_json(letter()._replace(value=None))["value"] == "null"


@pytest.mark.parametrize(("record", "message"), [(None, "nothing is left"), (RECORD, "stand at offset 41")])
def test_only_the_record_at_which_the_workers_stand_is_skipped(record: SourceRecord | None, message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        check_place(record, "purchases", 2, 40)


def test_the_named_record_may_be_skipped() -> None:
    check_place(RECORD, "purchases", 2, 41)
