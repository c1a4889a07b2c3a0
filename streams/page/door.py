"""Who may see the page: whoever may use the gateway.

Where API keys are in use, the browser asks for one: the password of HTTP Basic, with any name; it must be one that
may read and write. Where none are, only this machine can reach the gateway, and a page of somebody else's that has
given its own name this machine's address (DNS rebinding) is told from ours by the name that it asks for.
"""

import base64
import binascii
from collections.abc import Iterable
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from streams.gateway.keys import SCOPES, KeyRing

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})


class Door:
    """An application of which what lies under `prefix` is kept from those who may not see it."""

    def __init__(self, app: ASGIApp, prefix: str, keys: KeyRing) -> None:
        self._app = app
        self._prefix = prefix
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in {"http", "websocket"} and scope["path"].startswith(self._prefix):
            refusal = self._refusal(Headers(scope=scope))
            if refusal is not None:
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, headers: Headers) -> Response | None:
        if not self._keys:
            return None if is_this_machine(headers.get("host", "")) else _answer(HTTPStatus.MISDIRECTED_REQUEST)
        found = self._keys.find(key_in(headers.get("authorization", "")))
        if found is None:
            return _answer(HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm="nextup: a key as password"'})
        return None if covers(found.scopes) else _answer(HTTPStatus.FORBIDDEN)


def is_this_machine(host: str) -> bool:
    """
    >>> is_this_machine("127.0.0.1:8080"), is_this_machine("[::1]:8080"), is_this_machine("elsewhere.example")
    (True, True, False)
    """
    try:
        return urlsplit(f"//{host}").hostname in THIS_MACHINE
    except ValueError:
        return False


def key_in(authorization: str) -> str:
    """The password of HTTP Basic; "" where there is none.

    >>> key_in("Basic " + base64.b64encode(b"me:nextup_1").decode())
    'nextup_1'
    """
    kind, _, given = authorization.partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


def covers(scopes: Iterable[str]) -> bool:
    """Whether a key may do all that can be done on the page."""
    return set(SCOPES) <= set(scopes)


def _answer(status: HTTPStatus, headers: dict[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{status.phrase}\n", status.value, headers)
