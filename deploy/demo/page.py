"""The demo's page: a gateway as a process of its own, started once the first list is there, so as not to delay it."""

from typing import Protocol

from rich.console import Console

from deploy.settings import Settings
from deploy.stack.process import ChildProcess
from streams.page.address import PREFIX

READY = "Application startup complete"
"""What the gateway's log says as soon as it answers."""
LAST_LINES = 50


class StartsPage(Protocol):
    """What is needed of a stack (deploy.demo.local_stack)."""

    settings: Settings

    def start_page(self) -> ChildProcess:
        """Start the gateway with its page, and do not wait for it."""


class DemoPage:
    """Looked after by the replay, which goes on without it where it cannot be served."""

    def __init__(self, stack: StartsPage, console: Console) -> None:
        self._stack = stack
        self._console = console
        self._process: ChildProcess | None = None
        self.link = ""
        """Where it is, once it is there."""
        self.has_failed = False

    def look(self) -> None:
        """Start it, or tell once that it is there, or why it is not. Returns at once."""
        if self._process is None:
            self._process = self._stack.start_page()
        elif not self.link and not self.has_failed:
            self._look_at(self._process)

    def _look_at(self, process: ChildProcess) -> None:
        if not process.is_running:
            self.has_failed = True
            said = next((line for line in reversed(process.last_lines()) if line.strip()), "")
            self._tell(
                f"there is no page: {said.removeprefix('error: ')} (nextup demo --page-port N); log: {process.log}"
            )
        elif any(READY in line for line in process.last_lines(LAST_LINES)):
            self.link = f"http://{self._stack.settings.gateway.address}{PREFIX}/"
            self._tell(f"  be a customer, buy, and watch: {self.link}")

    def _tell(self, text: str) -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
