"""The setup: what it decides, and that it repairs what was cut off."""

import sys
from pathlib import Path

import pytest

from deploy.setup import environments, jars, pythons
from deploy.setup.pythons import Python
from deploy.setup.steps import LOG, SetupError, Stamp, fingerprint, run, step
from deploy.stack.locations import JARS

DEBIAN = Python("/usr/bin/python3", "3.11", has_venv=False, has_libpython=False)


def test_a_stamp_says_for_which_inputs_a_folder_is_complete(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path, "lock")
    assert not stamp.says("one")
    with stamp.working("one"):
        assert not stamp.says("one")
    assert stamp.says("one")
    assert not stamp.says("two")


def test_work_that_is_cut_off_leaves_no_stamp_and_is_noticed(tmp_path: Path) -> None:
    stamp = Stamp(tmp_path, "lock")
    with stamp.working("one"):
        pass
    with pytest.raises(KeyboardInterrupt), stamp.working("two"):
        raise KeyboardInterrupt
    assert not stamp.says("one")
    assert stamp.was_cut_off


def test_a_fingerprint_changes_with_any_of_its_parts(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    lock.write_text("a==1")
    before = fingerprint(lock, "3.11")
    assert before != fingerprint(lock, "3.12")
    lock.write_text("a==2")
    assert before != fingerprint(lock, "3.11")


def test_a_step_is_one_line_with_its_seconds(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Fetching jars"):
        pass
    assert capsys.readouterr().out == "Fetching jars ... done in 0.0 s\n"


def test_a_command_that_fails_shows_what_it_said() -> None:
    with pytest.raises(SetupError, match="exit code 4\nno such index"):
        run(["sh", "-c", "echo no such index; exit 4"])
    assert LOG.exists()


def test_packages_that_a_python_lacks_are_named_as_debian_names_them() -> None:
    assert DEBIAN.missing_packages == ["python3.11-venv", "libpython3.11"]
    assert DEBIAN._replace(has_venv=True, has_libpython=True).missing_packages == []


def test_this_python_can_be_asked_what_it_is() -> None:
    python = pythons.ask(sys.executable)
    assert python is not None
    assert python.version == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert pythons.ask("python-that-is-not-there") is None


def test_a_python_that_lacks_nothing_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Python("/opt/python3.12", "3.12", has_venv=True, has_libpython=True)
    offered = {"/usr/bin/python3": DEBIAN, "python3.12": whole}
    monkeypatch.setattr(pythons, "ask", offered.get)
    assert pythons.choose() == whole


def test_a_python_of_another_version_is_no_candidate(monkeypatch: pytest.MonkeyPatch) -> None:
    newer = Python("/usr/bin/python3", "3.14", has_venv=True, has_libpython=True)
    monkeypatch.setattr(pythons, "ask", lambda _name: newer)
    monkeypatch.setattr(pythons, "_apt_has", lambda _package: False)
    with pytest.raises(SetupError, match=r"no Python 3\.12 or 3\.11; install one .* make setup PYTHON="):
        pythons.choose()


def test_without_root_the_exact_command_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pythons, "ask", {"/usr/bin/python3": DEBIAN}.get)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(SetupError, match=r"sudo apt-get install -y .* python3\.11-venv libpython3\.11"):
        pythons.choose()


def test_the_lock_pins_the_installer_with_hashes() -> None:
    entry = environments.uv_entry(environments.APP_LOCK.read_text())
    assert entry.startswith("uv==")
    assert entry.count("--hash=sha256:") >= 10
    assert all(line.startswith(("uv==", "    --hash=")) for line in entry.splitlines())


def test_uv_uses_the_indexes_that_pip_uses() -> None:
    settings = {"index-url": "https://mirror.example/simple", "find-links": "/wheels", "timeout": "5"}
    assert environments.uv_environment({"PATH": "/bin"}, settings) == {
        "UV_DEFAULT_INDEX": "https://mirror.example/simple",
        "UV_FIND_LINKS": "/wheels",
        "UV_SYSTEM_CERTS": "1",
        "PATH": "/bin",
    }


def test_what_is_set_for_uv_itself_stays() -> None:
    mine = {"UV_DEFAULT_INDEX": "https://mine.example/simple"}
    assert environments.uv_environment(mine, {"index-url": "https://pips.example/simple"})["UV_DEFAULT_INDEX"] == (
        "https://mine.example/simple"
    )


@pytest.mark.parametrize("name", ["app.lock", "triton.lock", "app.in", "triton.in", "jgo.toml", "broker-jars.sha256"])
def test_no_host_is_named_in_what_is_installed_from(name: str) -> None:
    assert "://" not in (environments.LOCKS / name).read_text()


@pytest.mark.parametrize("lock", [environments.APP_LOCK, environments.TRITON_LOCK])
def test_every_locked_package_is_pinned_and_hashed(lock: Path) -> None:
    blocks = lock.read_text().replace(" \\\n", " ").splitlines()
    assert blocks
    assert all("==" in block and "--hash=sha256:" in block for block in blocks)


def test_a_list_of_jars_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "a.jar").write_bytes(b"a")
    (tmp_path / "b.jar").write_bytes(b"b")
    found = jars.hashes(tmp_path.glob("*.jar"))
    assert jars.read_list(jars.render_list(found)) == found


def test_jars_that_differ_from_the_list_are_named() -> None:
    wanted = {"a.jar": "1", "b.jar": "2", "c.jar": "3"}
    found = {"a.jar": "1", "b.jar": "9", "d.jar": "4"}
    assert jars.differences(wanted, found) == ["c.jar is missing", "d.jar is not on the list", "b.jar has other bytes"]
    assert jars.differences(wanted, dict(wanted)) == []


def test_the_committed_list_is_sorted_and_holds_the_broker_that_is_asked_for() -> None:
    text = jars.LIST.read_text()
    wanted = jars.read_list(text)
    assert jars.render_list(wanted) == text
    assert "kafka_2.13-4.3.1.jar" in wanted
    assert "kafka_2.13:4.3.1" in jars.COORDINATES.read_text()


def test_the_jars_in_this_checkout_are_those_of_the_list() -> None:
    assert jars.differences(jars.read_list(jars.LIST.read_text()), jars.hashes(JARS.glob("*.jar"))) == []
