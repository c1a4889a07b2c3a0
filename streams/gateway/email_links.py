"""`/v1/emails/click` and `/v1/emails/unsubscribe`: where the links of emails lead.

The signed token in a link is the proof, so no key is asked for. Mail scanners follow links without anybody having
clicked: HEAD publishes nothing, and only a POST unsubscribes (RFC 8058).

A click leads on to the shop whether or not a broker has it; one that is lost is counted. An unsubscription is
answered with 200 once the broker has it, and with 503 where it has not.
"""

import logging
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated, Any, TypeAlias

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.background import BackgroundTask

from streams.contract.errors import BrokerUnavailable, Undelivered
from streams.emails.errors import InvalidToken
from streams.emails.feedback import Feedback
from streams.gateway import bodies, email_pages, openapi
from streams.gateway.access import not_too_often
from streams.gateway.metrics import Metrics
from streams.gateway.services import GatewayOf

lost = {link: logging.getLogger(f"{__name__}.{link}") for link in ("clicked", "unsubscribed")}
"""Each hears of the events of its kind that no broker took, so that neither kind can be left out for the other."""

CLICK = "/v1/emails/click"
UNSUBSCRIBE = "/v1/emails/unsubscribe"
RETRY_AFTER_S = 60

router = APIRouter(tags=["emails"], dependencies=[Depends(not_too_often)], default_response_class=HTMLResponse)

Token = Annotated[str, Query(alias="t", max_length=4096, description="The token of the link, as it is in the email.")]


def _feedback(request: Request) -> Feedback:
    """These routes are part of an application that has one alone."""
    feedback: Feedback = request.app.state.feedback
    return feedback


FeedbackOf = Annotated[Feedback, Depends(_feedback)]

_Responses: TypeAlias = dict[int | str, dict[str, Any]]
_A_PAGE: dict[str, Any] = {"content": {"text/html": {"schema": {"type": "string"}}}}
_REFUSED: _Responses = {404: {"description": "The link is not one of this shop's."} | _A_PAGE}
_REFUSED |= openapi.refused(422, 429)
_LED_ON: dict[str, Any] = {
    "description": "On to the product's page.",
    "headers": {"Location": {"required": True, "schema": {"type": "string", "format": "uri"}}},
}
_ONE_CLICK = {
    "type": "object",
    "properties": {"List-Unsubscribe": {"type": "string", "const": "One-Click"}},
}


@router.head(CLICK, include_in_schema=False)
async def look(gateway: GatewayOf, feedback: FeedbackOf, token: Token = "") -> Response:
    """Where the link leads, for those who only look."""
    return _leading_on(gateway.metrics, feedback, token)


@router.get(
    CLICK,
    status_code=303,
    summary="A product of an email was clicked on",
    response_class=RedirectResponse,
    responses=_REFUSED | {303: _LED_ON},
)
async def click(gateway: GatewayOf, feedback: FeedbackOf, token: Token = "") -> Response:
    """Leads on to the product's page at once, and publishes the click."""
    answer = _leading_on(gateway.metrics, feedback, token)
    if answer.status_code == HTTPStatus.SEE_OTHER:
        answer.background = BackgroundTask(_publish_click, gateway.metrics, feedback, token, datetime.now(UTC))
    return answer


@router.head(UNSUBSCRIBE, include_in_schema=False)
@router.get(
    UNSUBSCRIBE,
    summary="Ask whether to unsubscribe",
    responses=_REFUSED | {200: {"description": "A page with a button that sends the POST."} | _A_PAGE},
)
async def ask(gateway: GatewayOf, feedback: FeedbackOf, token: Token = "") -> Response:
    """A page for people. It changes nothing."""
    try:
        feedback.check_unsubscribe(token)
    except InvalidToken as error:
        return _not_ours(gateway.metrics, "unsubscribed", error)
    return _page(email_pages.asking(feedback.shop))


@router.post(
    UNSUBSCRIBE,
    summary="Unsubscribe",
    dependencies=[Depends(bodies.limited_body)],
    responses=_REFUSED
    | openapi.refused(413)
    | {200: {"description": "The customer gets no more emails."} | _A_PAGE}
    | {503: {"description": "Not stored; ask again."} | _A_PAGE},
    openapi_extra={"requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _ONE_CLICK}}}},
)
async def unsubscribe(gateway: GatewayOf, feedback: FeedbackOf, token: Token = "") -> Response:
    """At once and without a question: mail programs send `List-Unsubscribe=One-Click`, and the token says it all."""
    try:
        await feedback.unsubscribed(token, datetime.now(UTC))
    except InvalidToken as error:
        return _not_ours(gateway.metrics, "unsubscribed", error)
    except (BrokerUnavailable, Undelivered):
        _note_lost(gateway.metrics, "unsubscribed", "the customer is asked to try again")
        return _page(email_pages.not_stored(), HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": str(RETRY_AFTER_S)})
    gateway.metrics.email_link("unsubscribed", "accepted")
    return _page(email_pages.done(feedback.shop))


def _leading_on(metrics: Metrics, feedback: Feedback, token: str) -> Response:
    try:
        target = feedback.target(token)
    except InvalidToken as error:
        return _not_ours(metrics, "clicked", error)
    return RedirectResponse(target, HTTPStatus.SEE_OTHER, dict(email_pages.LEADING_NOWHERE))


async def _publish_click(metrics: Metrics, feedback: Feedback, token: str, at: datetime) -> None:
    """After the customer has been led on, whom it must not keep waiting."""
    try:
        await feedback.clicked(token, at)
    except (BrokerUnavailable, Undelivered):
        _note_lost(metrics, "clicked", "the customer was led on all the same")
    else:
        metrics.email_link("clicked", "accepted")


def _note_lost(metrics: Metrics, link: str, consequence: str) -> None:
    """Without the error's words: they name the event, and so a customer."""
    metrics.email_link(link, "lost")
    lost[link].warning("no broker took that a link of an email was %s; %s", link, consequence)


def _not_ours(metrics: Metrics, link: str, error: InvalidToken) -> Response:
    metrics.email_link(link, "invalid")
    return _page(email_pages.not_ours(str(error)), HTTPStatus.NOT_FOUND)


def _page(text: str, status: HTTPStatus = HTTPStatus.OK, more: dict[str, str] | None = None) -> Response:
    return HTMLResponse(text, status, {**email_pages.LEADING_NOWHERE, **(more or {})})
