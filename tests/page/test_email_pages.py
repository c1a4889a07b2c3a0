"""The pages behind an email's links in a real browser: what they look like, and that their button works."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from streams.contract import email_messages, topics
from streams.contract.connection import KafkaConnection
from streams.emails.links import Link, Links
from streams.gateway.email_links import CLICK, UNSUBSCRIBE
from tests.emails_made import SHOP
from tests.integration.gateways import RunningGateway, email_settings, running_gateway
from tests.integration.workers import records
from tests.page.test_looks import PICTURES, SCREENS, Shade, faults

SIGNED_WITH = "sixteen letters or more"
LINK = Links(SIGNED_WITH.encode(), SHOP).token(Link("unsubscribed", "ada", "d1"))


@pytest.fixture
def gateway(kafka: KafkaConnection, tmp_path: Path) -> Iterator[RunningGateway]:
    with running_gateway(kafka, tmp_path, **email_settings(tmp_path, SIGNED_WITH)) as running:
        yield running


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_the_button_unsubscribes_and_nothing_sticks_out(
    browser: Browser, gateway: RunningGateway, kafka: KafkaConnection, shade: Shade
) -> None:
    width, height = SCREENS["phone"]
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=shade)
    complaints: list[str] = []
    page.on("console", lambda told: complaints.append(told.text))
    page.goto(f"{gateway.url}{UNSUBSCRIBE}?t={LINK}")
    expect(page).to_have_title("No more emails from The Shop?")
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"unsubscribe-{shade}.png")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    # The style counts, although the page lets in no other.
    assert page.evaluate("getComputedStyle(document.querySelector('button')).borderTopWidth") == "0px"
    page.get_by_role("button", name="Unsubscribe").click()
    expect(page.get_by_role("heading", name="You are unsubscribed")).to_be_visible()
    assert complaints == []
    told = [email_messages.email_event.decode(each.value() or b"") for each in records(kafka, topics.EMAIL_EVENTS)]
    assert [(event.user_id, event.kind) for event in told] == [("ada", "unsubscribed")]
    page.close()


@pytest.mark.parametrize("shade", ["light", "dark"])
def test_axe_finds_nothing_serious(browser: Browser, gateway: RunningGateway, shade: Shade) -> None:
    # axe is a script, and the pages let in none.
    context = browser.new_context(color_scheme=shade, bypass_csp=True)
    page = context.new_page()
    for path in (f"{UNSUBSCRIBE}?t={LINK}", f"{CLICK}?t=none"):
        page.goto(gateway.url + path)
        assert faults(page) == []
    context.close()
