"""What a batch shows of what it has put, and what it sends."""

from streams.worker.batch import Batch, Record, Slot, StateTable

NEWEST = StateTable("histories", "histories-changelog", newest_only=True)
EVERY = StateTable("lists", "recommendations", newest_only=False)


def test_a_value_that_was_put_is_read_before_the_stored_one() -> None:
    batch = Batch({Slot(NEWEST, 0, b"u"): b"old"}.get)
    slot = Slot(NEWEST, 0, b"u")
    assert batch.get(slot) == b"old"
    batch.put(slot, None)
    assert batch.get(slot) is None


def test_only_the_newest_value_of_a_key_goes_to_a_changelog_that_nobody_reads() -> None:
    batch = Batch(lambda _: None)
    for value in (b"1", b"2"):
        batch.put(Slot(NEWEST, 0, b"u"), value)
    assert [record.value for record in batch.all_records()] == [b"2"]


def test_every_value_goes_to_a_changelog_that_others_read() -> None:
    batch = Batch(lambda _: None)
    for value in (b"1", b"2"):
        batch.put(Slot(EVERY, 0, b"u"), value)
    assert [record.value for record in batch.all_records()] == [b"1", b"2"]


def test_a_dropped_savepoint_leaves_no_trace_and_a_merged_one_all() -> None:
    batch = Batch(lambda _: None)
    slot = Slot(NEWEST, 3, b"u")
    dropped = batch.savepoint()
    dropped.put(slot, b"x")
    assert batch.get(slot) is None
    assert not batch.all_records()
    kept = batch.savepoint()
    kept.put(slot, b"y")
    kept.send(Record("dead-letters", 3, b"u", b"z"))
    batch.merge(kept)
    assert batch.get(slot) == b"y"
    assert {record.topic for record in batch.all_records()} == {"dead-letters", "histories-changelog"}
