"""API keys: what is kept of them, who is let in, and how often."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.gateway import access, keys
from streams.gateway.errors import KeysUnreadable
from streams.gateway.keys import KeyRing, Scope
from streams.gateway.problems import Problem
from streams.gateway.rate_limit import RateLimit

NOW = datetime(2011, 12, 9, tzinfo=UTC)


def made(file: Path, *scopes: Scope, name: str = "shop") -> str:
    """A new key, behind those that are in the file."""
    key, kept = keys.new_key(name, scopes, NOW)
    keys.write_keys(file, [*keys.read_keys(file), kept])
    return key


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_nowhere_in_the_file(file: Path) -> None:
    key = made(file, "read")
    secret = key.split("_", 2)[2]
    assert len(secret) == 43
    assert secret not in file.read_text()


def test_two_keys_have_nothing_in_common(file: Path) -> None:
    assert made(file, "read").split("_", 2)[1:] != made(file, "read").split("_", 2)[1:]


def test_a_key_is_found_and_one_with_another_secret_is_not(file: Path) -> None:
    key = made(file, "read", "write")
    ring = KeyRing(file)
    found = ring.find(key)
    assert found is not None
    assert (found.name, found.scopes) == ("shop", ["read", "write"])
    for wrong in (
        key[:-1] + ("A" if key[-1] != "A" else "B"),
        key + "x",
        key.removeprefix("nextup"),
        "",
        "nextup_",
        "é",
    ):
        assert ring.find(wrong) is None


def test_a_key_that_is_added_or_withdrawn_counts_at_once(file: Path) -> None:
    ring = KeyRing(file)
    assert not ring
    first, second = made(file, "read"), made(file, "write")
    assert ring.find(first)
    assert ring.find(second)
    keys.write_keys(file, keys.read_keys(file)[1:])
    assert ring.find(first) is None
    assert ring.find(second)


@pytest.mark.parametrize("left", [b"[]", b"not JSON", None])
def test_a_running_gateway_is_never_opened_to_everybody_by_what_becomes_of_the_file(
    file: Path, left: bytes | None
) -> None:
    key = made(file, "read")
    ring = KeyRing(file)
    if left is None:
        file.unlink()
    else:
        file.write_bytes(left)
    assert ring
    assert ring.find(key)


@pytest.mark.parametrize("content", ["{}", '[{"id":"a"}]', '[{"sha256":"short"}]', "[", "\udcff"])
def test_a_file_that_is_none_of_ours_is_refused_at_the_start(file: Path, content: str) -> None:
    file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(KeysUnreadable, match=r"keys\.json cannot be read"):
        KeyRing(file)


@pytest.mark.parametrize("name", ["", "n" * 257, "\ud800"])
def test_a_key_that_could_not_be_read_again_is_not_made(name: str) -> None:
    with pytest.raises(KeysUnreadable):
        keys.new_key(name, ["read"], NOW)


def test_only_a_key_with_the_scope_lets_in_as_long_as_there_are_keys(file: Path) -> None:
    ring = KeyRing(file)
    assert access.owner_of(ring, "", "write") == access.ANYBODY
    key = made(file, "read")
    assert access.owner_of(ring, key, "read") == keys.read_keys(file)[0].id
    for given, scope, status in ((key, "write", 403), ("", "read", 401), ("nextup_0_0", "read", 401)):
        with pytest.raises(Problem) as caught:
            access.owner_of(ring, given, scope)  # type: ignore[arg-type]
        assert caught.value.details.status == status


def test_who_asks_too_often_is_told_when_to_ask_again() -> None:
    now = 0.0
    limit = RateLimit(per_second=0.5, burst=3, clock=lambda: now)
    for _ in range(3):
        access.check_rate(limit, "shop", "key")
    with pytest.raises(Problem) as caught:
        access.check_rate(limit, "shop", "key")
    assert caught.value.details.status == 429
    assert caught.value.headers == {"Retry-After": "2"}
    access.check_rate(limit, "page", "key")
    now = 2.0
    access.check_rate(limit, "shop", "key")


def test_in_the_long_run_a_key_may_ask_as_often_as_the_rate_says() -> None:
    now = 0.0
    limit = RateLimit(per_second=100.0, burst=10, clock=lambda: now)
    passed = 0
    for step in range(10_000):
        now = step / 1000
        passed += limit.wait_s("shop") == 0
    assert passed == pytest.approx(1010, abs=2)
