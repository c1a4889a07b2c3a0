"""Ports: free when chosen, the same after a restart, others only if they must be."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack.errors import AlreadyRunning
from deploy.stack.folder_lock import locked
from deploy.stack.ports import LOOPBACK, accepts_connections, free_ports, is_free, remembered_ports


@pytest.fixture
def occupied() -> Iterator[int]:
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_free_ports_are_different_and_free() -> None:
    ports = free_ports(5)
    assert len(set(ports)) == 5
    assert all(is_free(port) for port in ports)


def test_an_occupied_port_is_not_free_and_accepts_connections(occupied: int) -> None:
    assert not is_free(occupied)
    assert accepts_connections(occupied)
    assert not accepts_connections(free_ports(1)[0])


def test_ports_are_remembered(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "ports"
    assert remembered_ports(file, 2) == remembered_ports(file, 2)


def test_an_occupied_one_is_not_taken_again(tmp_path: Path, occupied: int) -> None:
    file = tmp_path / "ports"
    file.write_text(f"{occupied} {free_ports(1)[0]}")
    ports = remembered_ports(file, 2)
    assert occupied not in ports
    assert remembered_ports(file, 2) == ports


@pytest.mark.parametrize("text", ["", "1", "none of these", "20001 20002 20003"])
def test_a_note_that_cannot_be_used_is_replaced(tmp_path: Path, text: str) -> None:
    file = tmp_path / "ports"
    file.write_text(text)
    assert len(remembered_ports(file, 2)) == 2


def test_a_port_that_is_asked_for_comes_first(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    assert remembered_ports(tmp_path / "ports", 3, first=port)[0] == port


def test_a_port_that_is_asked_for_and_occupied_is_an_error(tmp_path: Path, occupied: int) -> None:
    with pytest.raises(AlreadyRunning, match=str(occupied)):
        remembered_ports(tmp_path / "ports", 2, first=occupied)


def test_a_locked_folder_cannot_be_locked_again(tmp_path: Path) -> None:
    with (
        locked(tmp_path, 0),
        pytest.raises(AlreadyRunning, match="another process works in"),
        locked(tmp_path, 0.1),
    ):
        pass


def test_a_lock_ends_with_its_block(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path / "new", 0):
            pass
