"""Who may ask what: the key of a request, its scope, and how often it may be used."""

import ipaddress
import math
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Annotated

from fastapi import Request, Security
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
        check_rate(gateway.rate_limit, owner, "key")

    return admit


async def not_too_often(request: Request, gateway: GatewayOf) -> None:
    """A dependency for what needs no key: each address may ask as often as a key may."""
    check_rate(gateway.rate_limit, network_of(request.client.host if request.client else ""), "address")


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


def network_of(host: str) -> str:
    """The smallest network that surely is one customer's: an IPv4 address, or 64 bits of an IPv6 one.

    >>> network_of("192.0.2.7"), network_of("::ffff:192.0.2.7"), network_of("2001:db8::7"), network_of("elsewhere")
    ('192.0.2.7', '192.0.2.7', '2001:db8::/64', 'anybody')
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ANYBODY
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((int(address), 64), strict=False))


def check_rate(limit: RateLimit, owner: str, kind: str) -> None:
    """Problem where an owner asks too often; `kind` is what it is told by."""
    wait_s = limit.wait_s(owner)
    if wait_s:
        raise Problem(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate",
            f"this {kind} asks too often; ask again in {wait_s:.3f} s",
            headers={"Retry-After": str(math.ceil(wait_s))},
        )
