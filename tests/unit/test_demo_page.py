"""The demo's page comes after the first list, is told of once, and where it cannot be served the demo goes on."""

import io
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from deploy.demo.page import READY, DemoPage
from deploy.settings import Settings
from deploy.stack.process import ChildProcess
from streams.gateway.settings import GatewaySettings

PATIENCE_S = 60.0


class StackOf:
    """A stack whose page is a given program."""

    def __init__(self, program: str, log: Path) -> None:
        self.settings = Settings(gateway=GatewaySettings(address="127.0.0.1:8123"))
        self.process = ChildProcess([sys.executable, "-c", program], name="page", log=log)
        self.starts = 0

    def start_page(self) -> ChildProcess:
        self.starts += 1
        return self.process.start()


def looked_at(stack: StackOf, until: Callable[[DemoPage], bool]) -> tuple[DemoPage, str]:
    """The page after many looks at it, and all that was said."""
    said = io.StringIO()
    page = DemoPage(stack, Console(file=said, width=200))
    end = time.monotonic() + PATIENCE_S
    try:
        while not until(page):
            assert time.monotonic() < end
            page.look()
            time.sleep(0.02)
        for _ in range(3):
            page.look()
    finally:
        stack.process.stop()
    return page, said.getvalue()


def test_the_link_is_told_once_the_page_answers(tmp_path: Path) -> None:
    stack = StackOf(f"import time; print({READY!r}, flush=True); time.sleep(600)", tmp_path / "page.log")
    page, said = looked_at(stack, lambda page: bool(page.link))
    assert page.link == "http://127.0.0.1:8123/page/"
    assert said.count(page.link) == 1
    assert stack.starts == 1


def test_a_page_that_cannot_listen_says_why_and_on_which_port(tmp_path: Path) -> None:
    error = "error: gateway.address 127.0.0.1:8123 cannot be listened on: Address already in use"
    stack = StackOf(f"import sys; print({error!r}, flush=True); sys.exit(1)", tmp_path / "page.log")
    page, said = looked_at(stack, lambda page: page.has_failed)
    assert not page.link
    assert said.count("there is no page: gateway.address 127.0.0.1:8123 cannot be listened on") == 1
    assert "--page-port" in said
    assert stack.starts == 1
