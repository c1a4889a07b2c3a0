"""The email as clients show it: on a phone and on a desk, with names of all kinds, and what a linter says of it."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from deploy.stack.locations import RUN_TIME
from tests.emails_made import a_parcel, part, sent
from tests.integration.node_packages import installed

LINT = Path(__file__).parent / "lint"
CHROMIUM = Path("/usr/bin/chromium")
PICTURES = RUN_TIME / "emails"
"""Where the screenshots lie, to be looked at."""

USUAL = {
    "22423": "REGENCY CAKESTAND 3 TIER",
    "85123A": "WHITE HANGING HEART T-LIGHT HOLDER",
    "47566": "PARTY BUNTING",
    "x": "ROSES REGENCY TEACUP AND SAUCER",
}
ODD = {
    "a": '<b>Bold</b> & "quoted" ' + "averylongwordwithoutaspace" * 300,
    "b": "مناديل ورقية للحفلات مع زهور",
    "c": "🍴🎉 Forks for the party 👨‍👩‍👧",
    "x": "x" * 10_000,
}
KINDS = {"usual": USUAL, "odd": ODD}

HARMLESS = {
    "<body> element",  # becomes a <div> with the same style
    "height property",  # of lines: the client's own is as good
    "word-break",  # only names that are one long word would be wider
    "role attribute",
    "aria-hidden attribute",  # a screen reader there reads the first letter, too
}
"""What some clients do not know and the email can do without."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip("Chromium is not installed; run: sudo apt-get install chromium")
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("screen", "width"), [("phone", 375), ("desk", 1000)])
def test_the_email_fits_the_screen(browser: Browser, kind: str, screen: str, width: int) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    page.set_content(part(sent(a_parcel(KINDS[kind])), "html"))
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{kind}-{screen}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width, "nothing sticks out"
    letter = page.locator("h1").bounding_box()
    assert letter is not None
    assert letter["width"] <= 560
    links = page.get_by_role("link", name="See it in the shop")
    assert links.count() == 3
    assert all(box["y"] > 0 for box in (link.bounding_box() for link in links.all()) if box)
    page.close()


@pytest.mark.parametrize("kind", KINDS)
def test_the_linter_finds_nothing_that_matters(kind: str) -> None:
    folder = installed(LINT)
    html = part(sent(a_parcel(KINDS[kind])), "html")
    done = subprocess.run(
        ["node", "lint.mjs"], cwd=folder, input=html, capture_output=True, text=True, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    assert {issue.partition(": ")[2] for issue in found["unsupported"]} <= HARMLESS
    assert found["invalid"] == []


def test_the_linter_finds_what_does_not_belong_in_an_email() -> None:
    html = "<!DOCTYPE html><html lang=en><body><div style='display:grid'><p>x</div></body></html>"
    done = subprocess.run(
        ["node", "lint.mjs"], cwd=installed(LINT), input=html, capture_output=True, text=True, timeout=120, check=True
    )
    found = json.loads(done.stdout)
    assert found["invalid"]
    assert any("grid" in issue for issue in found["unsupported"])
