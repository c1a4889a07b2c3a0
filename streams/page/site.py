"""The page as part of a gateway's application."""

import time
from collections.abc import Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from nicegui import app as gui
from nicegui import ui

from streams.gateway.services import Gateway
from streams.page.address import PREFIX
from streams.page.door import Door
from streams.page.feed import Feed
from streams.page.layout import Layout
from streams.page.live import Live
from streams.page.versions import Operations
from streams.page.visit import Visit
from streams.page.watch import Watch

ASSETS = Path(__file__).parent / "assets"
FAVICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#0b6e5f"/>'
    '<path d="M7 17V7l10 10V7" fill="none" stroke="#fff" stroke-width="2.5" stroke-linejoin="round"/></svg>'
)
HEAD = '<link rel="stylesheet" href="assets/page.css"><script defer src="assets/page.js"></script>'
CUT_S = 20.0
"""A browser whose connection was cut for no longer goes on as if nothing had been; others load the page anew."""
REMEMBERED_MESSAGES = 100
"""What may be sent to it after that: two a second, and some for what its visitor does."""


def with_page(operations: Operations, model_name: str) -> Callable[[FastAPI, Gateway], None]:
    """What adds the page to a gateway's application, under PREFIX."""

    def add(app: FastAPI, gateway: Gateway) -> None:
        watch = Watch(model_name, time.time)
        live = Live(gateway, watch, Feed(gateway.kafka, watch), operations, model_name)
        _serve(gateway, live)
        gui.on_startup(live.start)
        gui.on_shutdown(live.stop)
        app.add_api_route("/", _to_the_page, include_in_schema=False)
        app.add_middleware(Door, prefix=PREFIX, keys=gateway.keys)
        ui.run_with(
            app,
            mount_path=PREFIX,
            title="nextup",
            favicon=FAVICON,
            dark=None,
            language="en-US",
            tailwind=False,
            binding_refresh_interval=None,
            reconnect_timeout=CUT_S,
            message_history_length=REMEMBERED_MESSAGES,
            show_welcome_message=False,
        )

    return add


def _serve(gateway: Gateway, live: Live) -> None:
    gui.add_static_files("/assets", ASSETS)

    @ui.page("/")
    async def page(customer: str = "") -> None:
        ui.add_head_html(HEAD)
        visit = Visit(gateway, live, Layout(), customer)
        await visit.begin()
        client = ui.context.client
        client.on_connect(lambda: live.pages.add(visit))
        client.on_delete(lambda: live.pages.discard(visit))


async def _to_the_page() -> RedirectResponse:
    return RedirectResponse(f"{PREFIX}/")
