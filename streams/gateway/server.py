"""A gateway process: open everything, listen, and end in order."""

import ipaddress
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from types import FrameType

import uvicorn
from fastapi import FastAPI

from serving.model_repository import ModelRepository
from serving.triton import TritonClient, TritonSettings
from streams.clients.publisher import PurchasePublisher
from streams.contract.connection import KafkaConnection
from streams.contract.errors import Undelivered
from streams.contract.seldom import Seldom
from streams.emails.feedback import Feedback
from streams.emails.links import Links
from streams.gateway import email_links
from streams.gateway.app import create_app
from streams.gateway.broadcast import Broadcast
from streams.gateway.errors import GatewayError
from streams.gateway.keys import KeyRing
from streams.gateway.metrics import Metrics
from streams.gateway.rate_limit import RateLimit
from streams.gateway.services import Gateway
from streams.gateway.serving_model import ServingModel
from streams.gateway.settings import GatewaySettings
from streams.gateway.store import Store
from streams.gateway.topic_reader import TopicReader
from streams.gateway.views import Views

log = logging.getLogger(__name__)

LOG_FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
GRACE_S = 5
"""How long requests may take to end when the process is told to stop."""
QUIET_S = 10.0
"""While the broker is away, every link of an email fails that is clicked on; that is told so often of each kind."""
QUEUE_TIMEOUT_S = 2.0
"""How long a request waits for room among the events that are on their way to the broker."""


def run(
    kafka: KafkaConnection,
    triton: TritonSettings,
    settings: GatewaySettings,
    repository: str,
    model_name: str,
    history_lines: int,
    links: Links | None = None,
    *,
    with_more: Callable[[FastAPI, Gateway], None] | None = None,
) -> None:
    """Serve until told to stop (SIGTERM, SIGINT). Raises GatewayError, BrokerUnavailable or TopicMismatch
    before anything is answered. `links` are those of emails; without them none are served. `with_more` may add
    to the application what stands above it (streams.page)."""
    logging.basicConfig(level=settings.log_level, format=LOG_FORMAT)
    for lost in email_links.lost.values():
        lost.addFilter(Seldom(QUIET_S))
    # When it has ended, uvicorn sends itself the signal once more: what was opened must be closed then, too.
    signal.signal(signal.SIGTERM, _leave)
    keys = KeyRing(Path(settings.keys_file))
    with (
        listening(settings.address, settings.send_timeout_s, has_keys=bool(keys)) as listener,
        opened(kafka, triton, settings, repository, model_name, history_lines, keys, links) as gateway,
    ):
        host, port = listener.getsockname()[:2]
        app = create_app(gateway)
        if with_more is not None:
            with_more(app, gateway)
        log.info("gateway: http://%s:%d", f"[{host}]" if ":" in host else host, port)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=GRACE_S,
            # To pack small messages for many open pages takes longer than to make them.
            ws_per_message_deflate=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


@contextmanager
def opened(
    kafka: KafkaConnection,
    triton: TritonSettings,
    settings: GatewaySettings,
    repository: str,
    model_name: str,
    history_lines: int,
    keys: KeyRing,
    links: Links | None = None,
) -> Iterator[Gateway]:
    """All parts of a gateway, connected; its reader begins with the application."""
    with ExitStack() as parts:
        store = parts.enter_context(closing(Store(Path(settings.datadir))))
        broadcast = Broadcast(settings.stream_buffer)
        reader = TopicReader(kafka, store, broadcast)
        parts.callback(reader.stop)
        reader.connect()
        publisher = PurchasePublisher(
            kafka, delivery_timeout_s=settings.delivery_timeout_s, queue_timeout_s=QUEUE_TIMEOUT_S
        )
        parts.callback(_close, publisher)
        feedback = Feedback(kafka, links, settings.delivery_timeout_s) if links else None
        if feedback is not None:
            parts.callback(_close, feedback)
        views = Views(store, history_lines)
        yield Gateway(
            kafka=kafka,
            settings=settings,
            views=views,
            reader=reader,
            broadcast=broadcast,
            publisher=publisher,
            serving=ServingModel(views, ModelRepository(repository), model_name),
            triton=TritonClient(triton),
            keys=keys,
            rate_limit=RateLimit(settings.requests_per_second, settings.burst),
            metrics=_metrics(broadcast, reader),
            feedback=feedback,
        )


@contextmanager
def listening(address: str, send_timeout_s: float, *, has_keys: bool) -> Iterator[socket.socket]:
    """A socket that listens on `host:port`. GatewayError where it cannot, or where anybody could come without a key.

    A connection whose other end takes nothing of what it was sent for `send_timeout_s` is ended by the system.
    """
    host, port = _parsed(address)
    if not has_keys and not _is_this_machine(host):
        raise GatewayError(
            f"gateway.address {address} can be reached from other machines, and there are no API keys; make one with: "
            "nextup gateway keys add --scope read --scope write NAME"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise GatewayError(
            f"gateway.address {address} cannot be listened on: {error.strerror}; choose another (port 0 is a free one)"
        ) from None
    with closing(listener):
        # Connections inherit it (tcp(7)). A server of its own accord would keep what is stuck for ever.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(send_timeout_s * 1000))
        yield listener


def _parsed(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and int(port) <= 65535):
        raise GatewayError(f"gateway.address is {address!r}; expected host:port, for example 127.0.0.1:8080")
    return host.strip("[]"), int(port)


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _metrics(broadcast: Broadcast, reader: TopicReader) -> Metrics:
    metrics = Metrics()
    metrics.gauge("streams", "Readers of the stream now, and requests that wait for a list.", lambda: len(broadcast))
    metrics.gauge("records_to_read", "Records of the start that are still to be read.", lambda: reader.behind)
    return metrics


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _close(publisher: PurchasePublisher | Feedback) -> None:
    try:
        publisher.close(GRACE_S)
    except Undelivered as error:
        log.error("%s", error)
