"""Every error as application/problem+json (RFC 9457), with a reason in one word that a program can act on."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from msgspec import Struct
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route

from streams.gateway.errors import StoreUnavailable

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 1


class Fault(Struct, frozen=True, omit_defaults=True):
    """What is wrong with one part of a request. `index` counts the events of a body from 0."""

    reason: str
    message: str
    field: str = ""
    index: int | None = None


class ProblemDetails(Struct, frozen=True, omit_defaults=True):
    """Why a request was not answered as asked."""

    title: str
    status: int
    detail: str
    reason: str
    errors: list[Fault] = []


class Problem(Exception):
    """Ends a request: raised by whoever finds that it cannot be answered."""

    def __init__(
        self,
        status: HTTPStatus,
        reason: str,
        detail: str,
        *,
        errors: list[Fault] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.details = ProblemDetails(status.phrase, status.value, detail, reason, errors or [])
        self.headers = dict(headers or {})


def not_found(reason: str, detail: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, reason, detail)


def unavailable(reason: str, detail: str, retry_after_s: int = RETRY_AFTER_S) -> Problem:
    """Something that the answer needs is away; it can be asked for again."""
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, reason, detail, headers={"Retry-After": str(retry_after_s)})


def handle_all(app: FastAPI) -> None:
    """Have the application answer with problems, also where the framework itself refuses."""
    app.add_exception_handler(Problem, _of_ours)
    app.add_exception_handler(RequestValidationError, _of_parameters)
    app.add_exception_handler(HTTPException, _of_framework)
    app.add_exception_handler(StoreUnavailable, _of_store)
    app.add_exception_handler(Exception, _of_bug)


def _response(problem: Problem) -> Response:
    body = msgspec.json.encode({"type": "about:blank"} | msgspec.to_builtins(problem.details))
    return Response(body, problem.details.status, problem.headers, MEDIA_TYPE)


async def _of_ours(_: Request, error: Any) -> Response:
    return _response(error)


async def _of_parameters(_: Request, error: Any) -> Response:
    faults = [Fault("invalid-field", each["msg"], str(each["loc"][-1])) for each in error.errors()]
    detail = "; ".join(f"{fault.field}: {fault.message}" for fault in faults)
    return _response(Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-field", detail, errors=faults))


async def _of_framework(request: Request, error: Any) -> Response:
    status = HTTPStatus(error.status_code)
    reason = status.phrase.lower().replace(" ", "-")
    headers = {"Allow": _allowed(request)} if status is HTTPStatus.METHOD_NOT_ALLOWED else error.headers
    return _response(Problem(status, reason, str(error.detail), headers=headers))


def _allowed(request: Request) -> str:
    """All methods of a path; the framework names those of the first route that has it."""
    here = (route for route in request.app.routes if route.matches(request.scope)[0] is not Match.NONE)
    return ", ".join(sorted({method for route in here if isinstance(route, Route) for method in route.methods or ()}))


async def _of_store(_: Request, error: Exception) -> Response:
    log.error("%s", error)
    return _response(unavailable("store-unavailable", str(error)))


async def _of_bug(_: Request, __: Exception) -> Response:
    # What has happened is the log's business: the server writes the traceback there.
    return _response(Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "error", "the gateway failed; its log says why"))
