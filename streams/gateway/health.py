"""`/live`, `/ready` and `/metrics`: as the worker has them."""

from http import HTTPStatus

from fastapi import APIRouter, Security
from fastapi.responses import PlainTextResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from streams.gateway.access import may
from streams.gateway.services import Gateway, GatewayOf

router = APIRouter(tags=["health"], default_response_class=PlainTextResponse)

_OK = "ok\n"


@router.get("/live", summary="Whether the process works", responses={503: {"description": "Start it anew."}})
async def live(gateway: GatewayOf) -> Response:
    """503, with the reason, where it cannot go on and should be started anew."""
    return _verdict(gateway.reader.fault)


@router.get("/ready", summary="Whether it can answer", responses={503: {"description": "Not yet, and why."}})
async def ready(gateway: GatewayOf) -> Response:
    """503, with the reason, until everything that was on the topics at the start has been read."""
    return _verdict(gateway.reader.fault or _catching_up(gateway))


@router.get("/metrics", summary="For Prometheus", dependencies=[Security(may("read"))], include_in_schema=False)
async def metrics(gateway: GatewayOf) -> Response:
    return Response(gateway.metrics.page(), media_type=CONTENT_TYPE_LATEST)


def _catching_up(gateway: Gateway) -> str:
    return "" if gateway.broadcast.has_begun else f"reading the topics, {gateway.reader.behind:,} records to go"


def _verdict(reason: str) -> Response:
    if reason:
        return PlainTextResponse(f"{reason}\n", HTTPStatus.SERVICE_UNAVAILABLE)
    return PlainTextResponse(_OK)
