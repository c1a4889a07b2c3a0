"""The OpenAPI document: our message classes are its schemas, and every refusal stands in it."""

from functools import partial
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from msgspec import Struct

from streams.contract.messages import Erasure, Purchase, Return
from streams.contract.schemas import allow_null
from streams.gateway import answers, problems, server_sent
from streams.gateway.problems import ProblemDetails

_REF = "#/components/schemas/{name}"
_EVENTS: tuple[type[Struct], ...] = (Purchase, Return, Erasure)
_ANSWERS: tuple[type[Struct], ...] = (
    answers.StandingList,
    answers.BoughtBefore,
    answers.GoesWith,
    answers.Plan,
    answers.Published,
)

ALWAYS = (401, 403, 422, 429)
"""What every route under /v1 may be refused with."""

A_PURCHASE = {
    "type": "purchase",
    "event_id": "581587",
    "user_id": "12680",
    "occurred_at": "2011-12-09T12:50:00Z",
    "items": [{"item_id": "22613", "quantity": 12, "price": 0.85}],
}
_A_RETURN = A_PURCHASE | {"type": "return", "event_id": "C581588", "purchase_event_id": "581587"}
_AN_ERASURE = {key: A_PURCHASE[key] for key in ("user_id", "occurred_at")} | {"type": "erasure", "event_id": "gone-1"}


def answered(kind: type[Struct], example: Any, *refusals: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with `kind`, and may refuse with these statuses, too."""
    content = {"application/json": {"schema": _ref(kind), "example": example}}
    return {status: {"description": _summary(kind), "content": content}} | refused(*ALWAYS, *refusals)


def refused(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of refusals."""
    content = {problems.MEDIA_TYPE: {"schema": _ref(ProblemDetails)}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in sorted(statuses)}


def streamed(*refusals: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route that answers with server-sent events."""
    content = {server_sent.MEDIA_TYPE: {"schema": {"type": "string"}}}
    return {200: {"description": "Lists as they come.", "content": content}} | refused(*ALWAYS, *refusals)


def events_body() -> dict[str, Any]:
    """The request body of one event or many."""
    event = {"anyOf": [_ref(kind) for kind in _EVENTS]}
    many = {"type": "array", "items": event, "minItems": 1}
    examples = {
        "one": {"value": A_PURCHASE},
        "many": {"value": [A_PURCHASE, _A_RETURN]},
        "erasure": {"value": _AN_ERASURE},
    }
    lines = {"schema": {"type": "string"}, "example": msgspec.json.encode(A_PURCHASE).decode() + "\n"}
    content = {
        "application/json": {"schema": {"anyOf": [event, many]}, "examples": examples},
        "application/x-ndjson": lines,
    }
    return {"requestBody": {"required": True, "content": content}}


def document(app: FastAPI) -> None:
    """Have the application describe itself with our schemas."""
    app.openapi = partial(_described, app)  # type: ignore[method-assign]


def _described(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        described = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        described.setdefault("components", {})["schemas"] = _schemas()
        app.openapi_schema = described
    return app.openapi_schema


def _schemas() -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components((*_EVENTS, *_ANSWERS, ProblemDetails), ref_template=_REF)
    # A purchase need not say that it is one.
    schemas["Purchase"]["required"].remove("type")
    allow_null(schemas)
    schemas["ProblemDetails"]["properties"]["type"] = {"const": "about:blank"}
    return schemas


def _ref(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}


def _summary(kind: type[Struct]) -> str:
    return (kind.__doc__ or "").partition("\n")[0]
