"""Who may see the page."""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from streams.gateway.keys import KeyRing, Scope, new_key, write_keys
from streams.page.door import Door, is_this_machine


def site(tmp_path: Path, scopes: Sequence[Scope] = ()) -> tuple[httpx.AsyncClient, str]:
    """An application with a page and something else behind the door; the key, where there is one."""
    file = tmp_path / "keys.json"
    key = ""
    if scopes:
        key, kept = new_key("test", scopes, datetime(2026, 1, 1, tzinfo=UTC))
        write_keys(file, [kept])
    app = FastAPI()

    @app.get("/page/")
    def page() -> str:
        return "page"

    @app.get("/live")
    def live() -> str:
        return "ok"

    app.add_middleware(Door, prefix="/page", keys=KeyRing(file))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8080"), key


def basic(password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"me:{password}".encode()).decode()}


async def test_without_keys_this_machine_may_see_it(tmp_path: Path) -> None:
    client, _ = site(tmp_path)
    assert (await client.get("/page/")).status_code == 200


async def test_a_foreign_name_for_this_machine_is_refused(tmp_path: Path) -> None:
    client, _ = site(tmp_path)
    assert (await client.get("/page/", headers={"Host": "elsewhere.example"})).status_code == 421
    assert (await client.get("/live", headers={"Host": "elsewhere.example"})).status_code == 200


async def test_where_keys_are_in_use_the_browser_asks_for_one(tmp_path: Path) -> None:
    client, key = site(tmp_path, ["read", "write"])
    refused = await client.get("/page/")
    assert refused.status_code == 401
    assert refused.headers["WWW-Authenticate"].startswith("Basic ")
    assert (await client.get("/page/", headers=basic(key + "x"))).status_code == 401
    assert (await client.get("/page/", headers=basic(key))).status_code == 200
    assert (await client.get("/page/", headers=basic(key) | {"Host": "shop.example"})).status_code == 200


async def test_a_key_that_may_only_read_does_not_open_a_page_on_which_one_buys(tmp_path: Path) -> None:
    client, key = site(tmp_path, ["read"])
    assert (await client.get("/page/", headers=basic(key))).status_code == 403


@pytest.mark.parametrize("given", ["", "Basic", "Basic ???", "Bearer x", "Basic " + base64.b64encode(b"\xff").decode()])
async def test_what_is_no_key_opens_nothing(tmp_path: Path, given: str) -> None:
    client, _ = site(tmp_path, ["read", "write"])
    assert (await client.get("/page/", headers={"Authorization": given})).status_code == 401


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:8080"])
def test_this_machine_has_these_names(host: str) -> None:
    assert is_this_machine(host)


@pytest.mark.parametrize("host", ["", "localhost.example", "127.0.0.1.example", "[::1", "a@b:c"])
def test_and_no_others(host: str) -> None:
    assert not is_this_machine(host)
