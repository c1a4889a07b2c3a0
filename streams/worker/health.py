"""`/live`, `/ready` and `/metrics` over HTTP.

A thread of its own serves them, not the worker's event loop: a server inside a blocked loop would let the
question hang, and whoever asks could not tell a slow network from a dead worker. This one answers 503 with
the reason. Only code that never lets go of the interpreter silences it; then the asker's own timeout
speaks, which is why a supervisor should set one.
"""

import logging
import socket
import threading
from collections.abc import Callable, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import NamedTuple, TypeAlias

from streams.worker.errors import WorkerError
from streams.worker.pulse import Vitals

log = logging.getLogger(__name__)

LOOPBACK = "127.0.0.1"
LOOP_LATE_S = 10.0
"""An event loop that has not turned for so long is not alive. Heartbeats to the broker end after as much."""
REQUEST_TIMEOUT_S = 5.0


class Page(NamedTuple):
    """What is answered to a request."""

    body: bytes
    status: HTTPStatus = HTTPStatus.OK
    content_type: str = "text/plain; charset=utf-8"


Pages: TypeAlias = Mapping[str, Callable[[], Page]]
"""By path."""


class HealthServer:
    """Serves pages on `address` (host:port) from its own threads. Port 0 takes a free one, which `port` tells."""

    def __init__(self, address: str, pages: Pages) -> None:
        """Raises WorkerError where the address is none, or is in use."""
        host, port = parse_address(address)
        try:
            self._server = _Server((host, port), pages)
        except OSError as error:
            raise WorkerError(
                f"worker.health_address {address} cannot be listened on: {error.strerror}; give each worker of a "
                "machine an address of its own, with port 0 a free one, or an empty one for none"
            ) from None
        self.port: int = self._server.server_address[1]
        log.info("health and metrics: http://%s:%d/live, /ready, /metrics", host, self.port)

    def start(self) -> None:
        threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def parse_address(address: str) -> tuple[str, int]:
    """Host and port of `host:port`; without a host it is the loopback address. WorkerError if it is neither.

    >>> parse_address("0.0.0.0:8090"), parse_address(":0"), parse_address("[::1]:80")
    (('0.0.0.0', 8090), ('127.0.0.1', 0), ('::1', 80))
    """
    host, colon, port = address.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise WorkerError(f"worker.health_address is {address!r}; expected host:port, for example {LOOPBACK}:8090")
    return host.strip("[]") or LOOPBACK, int(port)


def alive(vitals: Vitals | None, now: float) -> str | None:
    """Why the worker is not alive; None where it is. Before its event loop has begun it is starting, and alive."""
    if vitals is not None and now - vitals.at > LOOP_LATE_S:
        return f"the event loop has not turned for {now - vitals.at:.0f} s"
    return None


def ready(vitals: Vitals | None, now: float) -> str | None:
    """Why the worker makes no lists now; None where it does."""
    if vitals is None:
        return "starting"
    if dead := alive(vitals, now):
        return dead
    if not vitals.partitions:
        return "no partitions are assigned to this worker"
    if not vitals.recovered:
        return f"the state is being restored, {vitals.records_to_restore} records to go"
    return None if vitals.agent_runs else "the agent does not run"


def verdict(ask: Callable[[], str | None], degraded: Callable[[], str | None] = lambda: None) -> Callable[[], Page]:
    """A page that says `ok`, or 503 and the reason that `ask` gives.

    What `degraded` says is told with 200: it should be looked at, and a restart would not mend it.
    """

    def page() -> Page:
        if reason := ask():
            return Page(f"{reason}\n".encode(), HTTPStatus.SERVICE_UNAVAILABLE)
        worse = degraded()
        return Page(f"degraded: {worse}\n".encode() if worse else b"ok\n")

    return page


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], pages: Pages) -> None:
        self.pages = pages
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # Not HTTPServer's own, which looks the host's name up, and that can take long.
        TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = REQUEST_TIMEOUT_S
    server_version = "nextup"
    sys_version = ""

    def do_GET(self) -> None:
        read = self.server.pages.get(self.path.partition("?")[0])
        page = read() if read else Page(b"/live, /ready or /metrics\n", HTTPStatus.NOT_FOUND)
        self.send_response(page.status)
        self.send_header("Content-Type", page.content_type)
        self.send_header("Content-Length", str(len(page.body)))
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the signature is the library's
        log.debug(format, *args)
