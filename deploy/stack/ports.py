"""Free ports on the loopback address, remembered in a file so that a restart finds the same ones."""

import random
import socket
from pathlib import Path

from deploy.stack.errors import AlreadyRunning

LOOPBACK = "127.0.0.1"
# Below the ports that Linux hands to outgoing connections: while a server of ours is down, none of
# those can take its place.
FIRST, LAST = 20_000, 32_000

_random = random.SystemRandom()


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True


def accepts_connections(port: int) -> bool:
    """Whether a server listens on `port` of the loopback address."""
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex((LOOPBACK, port)) == 0


def free_ports(count: int) -> list[int]:
    """So many different free ports, chosen at random: two starts at one moment hardly ever meet.

    Another process may take one before it is used, so whoever starts a server on them tries again.
    """
    ports: set[int] = set()
    while len(ports) < count:
        port = _random.randrange(FIRST, LAST)
        if is_free(port):
            ports.add(port)
    return list(ports)


def remembered_ports(file: Path, count: int, first: int | None = None) -> list[int]:
    """The ports noted in `file` if all of them are still free, else new ones; noted there in any case.

    With `first`, the first port is that one and no other: AlreadyRunning if it is occupied.
    """
    if first is not None and not is_free(first):
        raise AlreadyRunning(f"port {first} of {LOOPBACK} is in use; stop its owner or choose another port")
    ports = _noted(file)
    if len(ports) != count or not all(is_free(port) for port in ports):
        ports = free_ports(count)
    if first is not None:
        ports[0] = first
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(" ".join(map(str, ports)) + "\n")
    return ports


def _noted(file: Path) -> list[int]:
    try:
        return [int(word) for word in file.read_text().split()]
    except (FileNotFoundError, ValueError):
        return []
