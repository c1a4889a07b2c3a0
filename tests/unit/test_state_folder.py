"""The state's folder: sound databases are left alone, damaged ones are set aside, and trouble is told."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rocksdict import Options, Rdict

from streams.worker import state_folder
from streams.worker.errors import WorkerError
from streams.worker.state_folder import check_room, check_state, is_damage, mark_suspect, taken


def written(path: Path, keys: int = 20_000) -> Path:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    path.parent.mkdir(parents=True, exist_ok=True)
    database = Rdict(str(path), options)
    for number in range(keys):
        database.put(b"key %d" % number, os.urandom(50))
    database.flush()
    database.put(b"in the log", b"alone")
    database.close()
    return path


def keys_of(path: Path) -> int:
    database = Rdict(str(path), Options(raw_mode=True))
    try:
        return sum(1 for _ in database.keys())  # noqa: SIM118 - not a dictionary
    finally:
        database.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database where Faust puts them."""
    return written(tmp_path / "v1" / "tables" / "histories-0.db")


def the_only(database: Path, pattern: str) -> Path:
    return next(file for file in sorted(database.glob(pattern)) if file.stat().st_size)


def truncate(pattern: str, size: int) -> Callable[[Path], None]:
    return lambda database: os.truncate(the_only(database, pattern), size)


def garble(pattern: str, at: float) -> Callable[[Path], None]:
    """Overwrite 64 bytes at a place between 0 and 1."""

    def harm(database: Path) -> None:
        file = the_only(database, pattern)
        content = bytearray(file.read_bytes())
        start = int((len(content) - 64) * at)
        content[start : start + 64] = os.urandom(64)
        file.write_bytes(content)

    return harm


def remove(pattern: str) -> Callable[[Path], None]:
    return lambda database: the_only(database, pattern).unlink()


def garble_current(database: Path) -> None:
    (database / "CURRENT").write_bytes(b"\0\1\2\n")


def replace_by_a_file(database: Path) -> None:
    shutil.rmtree(database)
    database.write_text("no database")


DAMAGE: dict[str, Callable[[Path], None]] = {
    "CURRENT missing": remove("CURRENT"),
    "CURRENT empty": truncate("CURRENT", 0),
    "CURRENT garbled": garble_current,
    "MANIFEST missing": remove("MANIFEST-*"),
    "MANIFEST truncated": truncate("MANIFEST-*", 20),
    "MANIFEST garbled": garble("MANIFEST-*", 0.5),
    "table missing": remove("*.sst"),
    "table truncated": truncate("*.sst", 1000),
    "table garbled at its end": garble("*.sst", 1.0),
    "a file in its place": replace_by_a_file,
}


def test_a_sound_database_is_left_as_it_is(database: Path, tmp_path: Path) -> None:
    assert check_state(tmp_path) == []
    assert keys_of(database) == 20_001


def test_an_empty_folder_is_sound(tmp_path: Path) -> None:
    assert check_state(tmp_path) == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_database_is_set_aside_and_told_and_the_others_stay(
    damage: str, database: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    sound = written(database.with_name("lists-0.db"), keys=10)
    DAMAGE[damage](database)
    assert check_state(tmp_path) == [database]
    assert not database.exists()
    (aside,) = database.parent.glob("histories-0.db.damaged-*")
    assert keys_of(sound) == 11
    assert f"{database} is damaged and will be restored from its changelog" in caplog.text
    assert str(aside) in caplog.text
    assert check_state(tmp_path) == [], "what was set aside is not looked at again"


def test_damage_within_a_table_is_found_once_a_read_has_met_it(database: Path, tmp_path: Path) -> None:
    garble("*.sst", 0.5)(database)
    assert check_state(tmp_path) == [], "opening does not see it"
    assert is_damage(_error_of_reading(database))
    mark_suspect(str(tmp_path))
    assert check_state(tmp_path) == [database]
    assert check_state(tmp_path) == []
    assert not (tmp_path / state_folder.SUSPECT).exists()


def _error_of_reading(database: Path) -> Exception:
    opened = Rdict(str(database), Options(raw_mode=True))
    try:
        for number in range(20_000):
            opened.get(b"key %d" % number)
    except Exception as error:  # noqa: BLE001 - rocksdict raises no narrower class
        return error
    finally:
        opened.close()
    raise AssertionError("the damage was not met")


def test_a_log_that_was_cut_off_is_no_damage(database: Path, tmp_path: Path) -> None:
    """A killed process leaves one; what it ends with is in the changelog."""
    opened = Rdict(str(database), Options(raw_mode=True))
    opened.put(b"again in the log", b"alone")
    killed = database.with_name("histories-1.db")
    shutil.copytree(database, killed)
    opened.close()
    truncate("*.log", 5)(killed)
    assert check_state(tmp_path) == []
    assert keys_of(killed) == 20_001


@pytest.fixture
def other_process(database: Path) -> Iterator[None]:
    """Another process that has the database open."""
    script = (
        "import sys; from rocksdict import Options, Rdict\n"
        f"database = Rdict({str(database)!r}, Options(raw_mode=True))\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield
        process.communicate()


@pytest.mark.usefixtures("other_process")
def test_a_database_that_another_process_has_open_is_left_alone_and_told(database: Path, tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match=r"is in use by another process; give each worker a worker\.datadir"):
        check_state(tmp_path)
    assert database.exists()


def test_a_folder_is_one_workers_alone(tmp_path: Path) -> None:
    with taken(str(tmp_path / "state")) as folder:
        assert folder.is_dir()
        with pytest.raises(WorkerError, match="is in use by another process"), taken(str(folder)):
            pass
    with taken(str(folder)):
        pass


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(WorkerError, match=r"worker.datadir .* cannot be made: Not a directory"),
        taken(str(tmp_path / "file" / "state")),
    ):
        pass


def test_a_disk_without_room_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_room(tmp_path)
    monkeypatch.setattr(state_folder, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(WorkerError, match=r"is on a disk with .* MiB free"):
        check_room(tmp_path)
