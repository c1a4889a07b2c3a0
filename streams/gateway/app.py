"""The FastAPI application of a gateway."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI

from streams.gateway import email_links, health, openapi, problems, purchases, recommendations, stream, what_if
from streams.gateway.metrics import Measured
from streams.gateway.services import Gateway

ABOUT = "Publish what customers buy; read the five products that each of them is most likely to buy next."


def create_app(gateway: Gateway) -> FastAPI:
    """The application; while it runs, the gateway's reader does, too.

    There is no page of documentation: those that FastAPI brings load scripts from elsewhere. /openapi.json has all.
    """
    app = FastAPI(
        title="nextup", version=version("nextup"), description=ABOUT, lifespan=_lifespan, docs_url=None, redoc_url=None
    )
    app.state.gateway = gateway
    for part in (purchases, recommendations, what_if, stream, health):
        app.include_router(part.router)
    if gateway.feedback is not None:
        app.state.feedback = gateway.feedback
        app.include_router(email_links.router)
    problems.handle_all(app)
    openapi.document(app)
    app.add_middleware(Measured, metrics=gateway.metrics)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    gateway: Gateway = app.state.gateway
    gateway.broadcast.attach(asyncio.get_running_loop())
    gateway.reader.start()
    try:
        yield
    finally:
        await gateway.triton.close()
