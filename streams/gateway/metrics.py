"""What a gateway counts, for Prometheus to read; of this process since its start."""

from collections.abc import Callable, MutableMapping
from time import perf_counter
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
NO_ROUTE = "none"


class Metrics:
    """The counters of one gateway, named as the worker's are."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        self._requests = Counter(
            "nextup_gateway_requests", "Requests answered.", ("method", "route", "status"), registry=self._registry
        )
        self._seconds = Histogram(
            "nextup_gateway_first_byte_seconds",
            "Time from a request to the beginning of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )
        self._events = Counter(
            "nextup_gateway_events", "Events of customers received, by what became of them.", ("result",),
            registry=self._registry,
        )  # fmt: skip
        self._links = Counter(
            "nextup_gateway_email_links", "Links of emails that were followed, by what became of it.",
            ("link", "result"),
            registry=self._registry,
        )  # fmt: skip
        self._fell_behind = Counter(
            "nextup_gateway_streams_fell_behind", "Streams ended because they were not read.", registry=self._registry
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request's answer has begun."""
        self._requests.labels(method, route, status).inc()
        self._seconds.labels(route).observe(seconds)

    def events(self, result: str, count: int) -> None:
        """`result` is "accepted", or the reason of the refusal."""
        self._events.labels(result).inc(count)

    def email_link(self, link: str, result: str) -> None:
        """`link` is "clicked" or "unsubscribed"; `result` is "accepted", "invalid" or "lost"."""
        self._links.labels(link, result).inc()

    def stream_fell_behind(self) -> None:
        self._fell_behind.inc()

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A number that is read whenever the page is."""
        Gauge(f"nextup_gateway_{name}", meaning, registry=self._registry).set_function(read)

    def page(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)


class Measured:
    """An application whose requests are counted; streams pass through as they are."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(scope["method"], _route(scope), message["status"], perf_counter() - began)
            await send(message)

        await self._app(scope, receive, noting)


def _route(scope: MutableMapping[str, Any]) -> str:
    """The path as it stands in the application, not as it was asked: ids are no labels."""
    route = scope.get("route")
    return getattr(route, "path_format", NO_ROUTE)
