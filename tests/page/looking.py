"""What the tests of the page share: the shop behind it, and pages that note what goes wrong in them."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote, urlsplit

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, Request

from deploy.stack.process import ChildProcess
from deploy.stack.triton import TritonServer
from streams.contract.connection import KafkaConnection
from tests.integration.workers import environment_of, running_worker

START_S = 180.0
PATIENCE_MS = 90_000
"""The machine may be many times slower than it should be."""


@dataclass
class Shop:
    """The parts behind the page; `worker` may be stopped by a test that starts it again."""

    kafka: KafkaConnection
    triton: TritonServer
    folder: Path
    worker: ChildProcess | None = None
    url: str = ""

    @property
    def environment(self) -> dict[str, str]:
        more = {
            "NEXTUP_TRITON_URL": self.triton.grpc_address,
            "NEXTUP_TRITON_DEADLINE_MS": "2000",
            "NEXTUP_MODELS_REPOSITORY": str(self.triton.model_repository),
            "NEXTUP_GATEWAY_ADDRESS": "127.0.0.1:0",
            "NEXTUP_GATEWAY_DATADIR": str(self.folder / "gateway"),
            "NEXTUP_GATEWAY_KEYS_FILE": str(self.folder / "keys.json"),
            "NEXTUP_SWAP_GRACE_S": "0",
        }
        return environment_of(self.kafka, **more)


@contextmanager
def a_worker(shop: Shop) -> Iterator[ChildProcess]:
    with running_worker(shop.kafka, shop.folder / "worker", **shop.environment) as worker:
        yield worker


@contextmanager
def served_page(shop: Shop) -> Iterator[str]:
    """The address of a gateway with a page, as soon as it is ready."""
    log = shop.folder / "page.log"
    command = [sys.executable, "-m", "deploy", "page"]
    with ChildProcess(command, name="page", log=log, environment=shop.environment) as process:
        process.wait_until_ready(lambda: _is_ready(address_in(log)), START_S)
        yield address_in(log)


class Looking:
    """Pages in one browser, each with a customer, and all that went wrong in them."""

    def __init__(self, browser: Browser, url: str) -> None:
        self._browser = browser
        self._url = url
        self._contexts: list[BrowserContext] = []
        self.complaints: list[str] = []

    def at(
        self,
        customer: str,
        width: int = 1280,
        height: int = 900,
        shade: Literal["light", "dark"] = "light",
        **more: Any,
    ) -> Page:
        """An open page of a customer, connected."""
        context = self._browser.new_context(viewport={"width": width, "height": height}, color_scheme=shade, **more)
        self._contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda told: self._noted(told.type, told.text))
        page.on("pageerror", lambda error: self._noted("error", str(error)))
        page.on("request", self._requested)
        page.goto(f"{self._url}/page/?customer={quote(customer, safe='')}")
        page.wait_for_selector(".state-fine, .state-reduced, .state-broken")
        return page

    def check(self) -> None:
        assert self.complaints == []

    def _noted(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"}:
            self.complaints.append(text)

    def _requested(self, request: Request) -> None:
        asked = urlsplit(request.url)
        if asked.scheme != "data" and asked.netloc != urlsplit(self._url).netloc:
            self.complaints.append(f"asked {request.url}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for context in self._contexts:
            context.close()


def address_in(log: Path) -> str:
    """Where a gateway says that it listens; "" as long as it has not."""
    told = re.search(r"gateway: (http://\S+)", log.read_text()) if log.exists() else None
    return told[1] if told else ""


def _is_ready(url: str) -> bool:
    try:
        return bool(url) and httpx.get(f"{url}/ready", timeout=10).status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def product_names(page: Page) -> list[str]:
    """The products of the list, best first."""
    return page.locator(".places .name").all_inner_texts()
