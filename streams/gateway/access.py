"""Who may ask what: the key of a request, its scope, and how often it may be used."""

import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from streams.gateway.keys import KeyRing, Scope
from streams.gateway.problems import Problem
from streams.gateway.rate_limit import RateLimit
from streams.gateway.services import GatewayOf

ANYBODY = "anybody"
"""Whose requests are counted where no keys are in use."""

_bearer = HTTPBearer(auto_error=False, scheme_name="key", description="A key that `nextup gateway keys add` has made.")


def may(scope: Scope) -> Callable[..., Awaitable[None]]:
    """A dependency that lets a request pass if its key may do this, and not too often."""

    async def admit(
        gateway: GatewayOf, given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)]
    ) -> None:
        owner = owner_of(gateway.keys, given.credentials if given else "", scope)
        check_rate(gateway.rate_limit, owner)

    return admit


def owner_of(keys: KeyRing, key: str, scope: Scope) -> str:
    """The id of a key that has this scope; Problem where it has not, or is none."""
    if not keys:
        return ANYBODY
    found = keys.find(key)
    if found is None:
        detail = "send a key as: Authorization: Bearer nextup_…" if not key else "this key is not known here"
        raise Problem(HTTPStatus.UNAUTHORIZED, "no-key", detail, headers={"WWW-Authenticate": "Bearer"})
    if scope not in found.scopes:
        raise Problem(HTTPStatus.FORBIDDEN, "scope", f"the key {found.name!r} may {found.scopes[0]}, not {scope}")
    return found.id


def check_rate(limit: RateLimit, owner: str) -> None:
    """Problem where the owner of a key asks too often."""
    wait_s = limit.wait_s(owner)
    if wait_s:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate",
            f"this key asks too often; ask again in {wait_s:.3f} s",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
