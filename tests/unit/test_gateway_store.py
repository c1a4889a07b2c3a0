"""The gateway's copy of the topics: what it holds, when it can be trusted, and that it can be thrown away."""

import time
from pathlib import Path

import msgspec
import pytest

from streams.contract.reading import Span
from streams.gateway.errors import StoreUnavailable
from streams.gateway.store import DATABASE, SUSPECT, Change, Place, Store
from streams.gateway.topic_reader import TOMBSTONES_LAST_S, Origin, is_usable

LISTS = Place("lists", 0)


def filled(folder: Path, n: int = 100) -> Store:
    store = Store(folder)
    changes = [Change(b"lists/u%03d" % number, b"v" * 1000) for number in range(n)]
    store.write(changes, {LISTS: n, Place("lists", 1): 3})
    return store


def test_what_is_written_is_there_after_a_restart_with_the_offsets_behind_it(tmp_path: Path) -> None:
    filled(tmp_path).close()
    store = Store(tmp_path)
    assert store.get(b"lists/u042") == b"v" * 1000
    assert store.offsets() == {LISTS: 100, Place("lists", 1): 3}
    store.close()


def test_a_prefix_finds_all_that_begin_with_it_and_no_other(tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = [b"log/[a,1", b"log/[a,2", b"log/[a,\xff"]
    others = [b"log/[a", b"log/[b,1", b"log/[", b"items/[a,1"]
    store.write([Change(key, key) for key in (*found, *others)], {})
    assert store.under(b"log/[a,") == [(key, key) for key in found]
    store.write([Change(found[0], None)], {})
    assert [key for key, _ in store.under(b"log/[a,")] == found[1:]
    store.close()


def test_a_copy_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    store = filled(tmp_path)
    with pytest.raises(StoreUnavailable, match="in use by another process; give each gateway one of its own"):
        Store(tmp_path)
    assert store.get(b"lists/u042") is not None
    store.close()


@pytest.mark.parametrize("pattern", ["CURRENT", "MANIFEST-*", "*.sst"])
@pytest.mark.parametrize("damage", ["missing", "rubbish"])
def test_a_damaged_copy_is_thrown_away_and_a_new_one_begins_with_nothing(
    tmp_path: Path, pattern: str, damage: str
) -> None:
    for _ in range(3):
        # Each opening moves what the log holds into a table.
        filled(tmp_path).close()
    files = list((tmp_path / DATABASE).glob(pattern))
    assert files
    for file in files:
        if damage == "missing":
            file.unlink()
        else:
            file.write_bytes(b"rubbish" * (file.stat().st_size // 7 + 1))
    store = Store(tmp_path)
    assert store.offsets() == {}
    assert store.get(b"lists/u042") is None
    store.write([Change(b"lists/u", b"v")], {LISTS: 1})
    store.close()


def test_a_file_in_the_place_of_the_copy_is_replaced(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("no database")
    store = Store(tmp_path)
    assert store.offsets() == {}
    store.close()


def test_a_copy_that_failed_while_it_was_used_is_made_anew_at_the_next_start(tmp_path: Path) -> None:
    filled(tmp_path, n=10_000).close()
    store = Store(tmp_path)
    for table in (tmp_path / DATABASE).glob("*.sst"):
        with table.open("r+b") as file:
            file.write(b"rubbish" * (table.stat().st_size // 14))
    with pytest.raises(StoreUnavailable, match=r"cannot be read: .* the next start makes it anew"):
        store.under(b"lists/")
    assert (tmp_path / SUSPECT).exists()
    store.close()
    again = Store(tmp_path)
    assert again.offsets() == {}
    assert not (tmp_path / SUSPECT).exists()
    again.close()


def test_a_request_that_comes_while_the_gateway_ends_is_no_damage(tmp_path: Path) -> None:
    store = filled(tmp_path)
    store.close()
    with pytest.raises(StoreUnavailable, match="the gateway is ending"):
        store.get(b"lists/u042")
    again = Store(tmp_path)
    assert again.get(b"lists/u042") is not None
    again.close()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnavailable, match=r"gateway\.datadir .* cannot be made"):
        Store(tmp_path / "file" / "folder")


def test_a_copy_is_trusted_only_if_it_is_of_these_topics_and_has_seen_every_tombstone(tmp_path: Path) -> None:
    now = Origin({"lists": "id-1"}, time.time())
    spans = [Span("lists", 0, 0, 120), Span("lists", 1, 0, 3), Span("lists", 2, 0, 9)]
    store = Store(tmp_path)
    assert not is_usable(store, spans, now), "nothing is known of it"
    store.close()
    store = filled(tmp_path)
    store.note_origin(msgspec.json.encode(now))
    assert is_usable(store, spans, now._replace(complete_at=now.complete_at + TOMBSTONES_LAST_S - 1))
    assert not is_usable(store, spans, now._replace(complete_at=now.complete_at + TOMBSTONES_LAST_S + 1))
    assert not is_usable(store, spans, now._replace(topic_ids={"lists": "id-2"}))
    assert not is_usable(store, [Span("lists", 0, 0, 99)], now), "it has read more than there is"
    assert not is_usable(store, [Span("lists", 0, 101, 120)], now), "what came between is gone from the topic"
    store.clear()
    assert store.offsets() == {}
    store.close()
