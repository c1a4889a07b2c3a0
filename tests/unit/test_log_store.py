"""When a copy of the log may be added to, and when it must be made anew; who may open it."""

from pathlib import Path

import pytest

from streams.contract.reading import Span
from trainer.errors import DataFolderUnusable
from trainer.log_store import REMOVALS_STAY_S, LogStore, ReadTo, obstacle_to_going_on, remaining

SPANS = [Span("log", 0, 0, 10), Span("log", 1, 3, 20)]
NOW = 1e9


def read_to(offsets: dict[int, int], topic_id: str = "one", since: float = NOW) -> ReadTo:
    return ReadTo(topic_id, offsets, since)


@pytest.mark.parametrize(
    ("kept", "obstacle"),
    [
        (read_to({0: 10, 1: 15}), ""),
        (read_to({}), ""),
        (read_to({0: 10}, since=NOW - REMOVALS_STAY_S + 1), ""),
        (read_to({0: 11}), "ends before"),
        (read_to({0: 10}, topic_id="its successor"), "another one"),
        (read_to({0: 10}, since=NOW - REMOVALS_STAY_S - 86_400), "15 days ago"),
    ],
)
def test_a_copy_is_added_to_only_where_nothing_can_have_been_missed(kept: ReadTo, obstacle: str) -> None:
    found = obstacle_to_going_on(kept, "one", SPANS, NOW)
    assert obstacle in found
    assert bool(found) == bool(obstacle)


def test_what_was_read_is_not_read_again_and_what_is_gone_is_not_asked_for() -> None:
    assert remaining(SPANS, read_to({0: 7})) == [Span("log", 0, 7, 10), Span("log", 1, 3, 20)]


def test_a_second_run_is_refused_while_the_first_one_goes_on(tmp_path: Path) -> None:
    with LogStore(tmp_path / "log"), pytest.raises(DataFolderUnusable, match="in use by another run"):
        LogStore(tmp_path / "log")
    with LogStore(tmp_path / "log") as again:
        assert list(again.records()) == []


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match=r"cannot be used as trainer\.datadir"):
        LogStore(tmp_path / "file" / "log")
