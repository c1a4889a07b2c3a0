"""What a batch shows of what it has put and what it sends, over a state on a real RocksDB."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from streams.worker.batch import Batch, Record, Slot, StateTable
from streams.worker.errors import RecordTooLarge
from streams.worker.state import State

NEWEST = StateTable("histories", "histories-changelog", newest_only=True)
EVERY = StateTable("lists", "recommendations", newest_only=False)
SLOT = Slot(NEWEST, 0, b"u")


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    store = Rdict(str(tmp_path / "db"), Options(raw_mode=True))
    yield State(lambda _table, _partition: store)
    store.close()


def keys(state: State | Batch, prefix: bytes) -> set[bytes]:
    return state.keys(NEWEST, 0, prefix)


def test_a_value_that_was_put_is_read_before_the_stored_one(state: State) -> None:
    state.write({SLOT: b"old"})
    batch = Batch(state)
    assert batch.get(SLOT) == b"old"
    batch.put(SLOT, None)
    assert batch.get(SLOT) is None


def test_only_the_newest_value_of_a_key_goes_to_a_changelog_that_nobody_reads(state: State) -> None:
    batch = Batch(state)
    for value in (b"1", b"2"):
        batch.put(SLOT, value)
    assert [record.value for record in batch.all_records()] == [b"2"]


def test_every_value_goes_to_a_changelog_that_others_read(state: State) -> None:
    batch = Batch(state)
    for value in (b"1", b"2"):
        batch.put(Slot(EVERY, 0, b"u"), value)
    assert [record.value for record in batch.all_records()] == [b"1", b"2"]


def test_a_dropped_savepoint_leaves_no_trace_and_a_merged_one_all(state: State) -> None:
    batch = Batch(state)
    dropped = batch.savepoint()
    dropped.put(SLOT, b"x")
    assert batch.get(SLOT) is None
    assert not batch.all_records()
    kept = batch.savepoint()
    kept.put(SLOT, b"y")
    kept.send(Record("dead-letters", 3, b"u", b"z"))
    batch.merge(kept)
    assert batch.get(SLOT) == b"y"
    assert {record.topic for record in batch.all_records()} == {"dead-letters", "histories-changelog"}


def test_keys_are_those_stored_shown_and_put_and_not_those_deleted(state: State) -> None:
    state.write({Slot(NEWEST, 0, key): b"" for key in (b"a1", b"a2", b"b1")})
    state.show({Slot(NEWEST, 0, b"a3"): b"", Slot(NEWEST, 0, b"a1"): None})
    batch = Batch(state)
    batch.put(Slot(NEWEST, 0, b"a4"), b"")
    batch.put(Slot(NEWEST, 0, b"a2"), None)
    batch.put(Slot(EVERY, 0, b"a5"), b"")
    assert keys(state, b"a") == {b"a2", b"a3"}
    assert keys(batch, b"a") == {b"a3", b"a4"}


def test_what_is_shown_is_hidden_again_unless_a_later_batch_has_put_something_else(state: State) -> None:
    first: dict[Slot, bytes | None] = {SLOT: bytes(9)}
    state.show(first)
    state.hide(first)
    assert state.get(SLOT) is None
    state.show(first)
    state.show({SLOT: b"later"})
    state.write(first)
    assert state.get(SLOT) == b"later"


def test_a_record_that_its_topic_would_not_take_is_told_before_it_is_sent(state: State) -> None:
    batch = Batch(state)
    batch.send(Record("letters", 0, b"k", b"v" * 50, (("h", b"v" * 10),)))
    batch.check_sizes(lambda topic: 62 if topic == "letters" else 10)
    with pytest.raises(RecordTooLarge, match="a record of 62 bytes for letters"):
        batch.check_sizes(lambda _: 61)
