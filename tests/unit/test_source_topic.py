"""Positions never go back, whichever incarnation of its topic a record is from."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from streams.worker.batch import Batch, SourceRecord, StateTable
from streams.worker.errors import WorkerError
from streams.worker.source_topic import OFFSET_BITS, Incarnations
from streams.worker.state import State

TABLE = StateTable("known-events", "changelog", newest_only=True)


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    store = Rdict(str(tmp_path / "db"), Options(raw_mode=True))
    yield Batch(State(lambda _table, _partition: store))
    store.close()


def record(offset: int, partition: int = 0) -> SourceRecord:
    return SourceRecord("purchases", partition, offset, b"u", b"{}", ())


def incarnation(topic_id: str, first_offset: int = 0) -> Incarnations:
    return Incarnations(TABLE, topic_id, "group", lambda _: first_offset)


def test_positions_of_the_first_incarnation_are_its_offsets(batch: Batch) -> None:
    first = incarnation("a", first_offset=40)
    assert [first.placed(record(offset), batch).position for offset in (41, 42)] == [41, 42]


def test_those_of_the_next_come_after_all_of_them(batch: Batch) -> None:
    incarnation("a").placed(record(7_000_000_000), batch)
    assert incarnation("b").placed(record(0), batch).position == 1 << OFFSET_BITS
    assert incarnation("c").placed(record(0), batch).position == 2 << OFFSET_BITS


def test_the_state_remembers_each_incarnation_for_each_partition(batch: Batch) -> None:
    incarnation("a").placed(record(0), batch)
    incarnation("b").placed(record(0), batch)
    assert incarnation("b").placed(record(5), batch).position == 1 << OFFSET_BITS | 5
    assert incarnation("b").placed(record(5, partition=1), batch).position == 5


def test_a_group_that_would_pass_over_records_of_a_new_incarnation_is_refused(batch: Batch) -> None:
    incarnation("a").placed(record(0), batch)
    with pytest.raises(WorkerError, match=r"stands at offset 9 of partition 0.*--reset-offsets --to-earliest"):
        incarnation("b").placed(record(9), batch)
    assert incarnation("b", first_offset=9).placed(record(9), batch).position == 1 << OFFSET_BITS | 9


def test_a_topic_that_comes_back_counts_on(batch: Batch) -> None:
    for number, topic_id in enumerate("aba"):
        assert incarnation(topic_id).placed(record(0), batch).position == number << OFFSET_BITS
