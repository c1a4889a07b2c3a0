"""What it looks like: on a phone and on a desk, in light and dark, and to those who do not see it."""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from deploy.stack.locations import RUN_TIME
from tests.integration.node_packages import installed
from tests.page.looking import PATIENCE_MS, Looking, Shop

AXE = Path(__file__).parent / "axe"
PICTURES = RUN_TIME / "page"
"""Where the screenshots lie, to be looked at."""
SCREENS = {"phone": (360, 740), "desk": (1280, 900)}

expect.set_options(timeout=PATIENCE_MS)

Shade = Literal["light", "dark"]


def faults(page: Page) -> list[str]:
    """What axe calls serious or critical."""
    page.add_script_tag(path=installed(AXE) / "node_modules" / "axe-core" / "axe.min.js")
    found: dict[str, Any] = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{violation['id']}: {node['html'][:200]} {node['failureSummary'][:300]}"
        for violation in found["violations"]
        if violation["impact"] in {"serious", "critical"}
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("shade", ["light", "dark"])
@pytest.mark.parametrize("screen", SCREENS)
def test_axe_finds_nothing_serious_and_nothing_sticks_out(looking: Looking, screen: str, shade: Shade) -> None:
    width, height = SCREENS[screen]
    page = looking.at("customer-9", width, height, shade, reduced_motion="reduce")
    page.locator(".shelf .buy").first.click()
    expect(page.locator(".waited")).to_be_visible()
    expect(page.locator(".versions tbody tr")).to_have_count(2)
    page.screenshot(path=PICTURES / f"{screen}-{shade}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert faults(page) == []


@pytest.mark.parametrize("change", ["Promote", "Try"])
def test_axe_finds_nothing_serious_in_the_question_before_a_change(looking: Looking, change: str) -> None:
    page = looking.at("customer-9", *SCREENS["phone"], reduced_motion="reduce")
    page.get_by_role("button", name=f"{change} version 2").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(1000)
    page.screenshot(path=PICTURES / f"question-{change.lower()}.png")
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_axe_finds_what_is_wrong(looking: Looking) -> None:
    page = looking.at("customer-9")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<button></button>')")
    assert any(fault.startswith("button-name") for fault in faults(page))


def test_the_shade_follows_the_system_and_can_be_changed(looking: Looking) -> None:
    page = looking.at("customer-9", shade="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"{background} !== '{dark}'")
    page.get_by_role("button", name="Switch between light and dark").click()
    page.wait_for_function(f"{background} === '{dark}'")


def test_every_part_has_a_heading_and_every_product_a_button_that_names_it(looking: Looking, shop: Shop) -> None:
    page = looking.at("customer-10")
    sections = page.locator("section.card")
    assert sections.count() == page.locator("section.card > h2").count() == 9
    for button in page.locator(".buy").all():
        assert (button.get_attribute("aria-label") or "").startswith("Buy ")
