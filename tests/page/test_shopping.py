"""Be a customer: buy, see the list change, search, come back, and keep the focus where it was."""

import re
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from tests.page.conftest import ODD_NAMES
from tests.page.looking import PATIENCE_MS, Looking, Shop, product_names

expect.set_options(timeout=PATIENCE_MS)


def test_buying_changes_the_list_before_the_eye(looking: Looking) -> None:
    page = looking.at("customer-1")
    before = product_names(page)
    page.get_by_label("Search products").fill("number 19")
    page.get_by_role("button", name="Buy Product number 19").click()
    expect(page.locator(".waited")).to_have_text(re.compile(r"^\d[\d.]* (ms|s) from the click to this list$"))
    # tests.small_model.answers for the last item, whose index is 21, with a shift of 3.
    assert product_names(page) == [f"Product number {number}" for number in (4, 5, 6, 7, 8)]
    assert product_names(page) != before
    expect(page.locator(".places .why").first).to_have_text("because of Product number 19")
    expect(page.locator(".places .tag-new").first).to_be_visible()
    expect(page.locator(".left")).to_contain_text("Left the list:")
    expect(page.locator(".origin .tag")).to_have_text("next-purchase, version 1")
    expect(page.locator(".history-card .line .name").first).to_have_text("Product number 19")
    expect(page.locator(".announcement")).to_have_text(
        re.compile(r"^New list by version 1 after .* entered, .* left\.$")
    )


def test_a_new_customer_has_no_list_until_the_first_purchase(looking: Looking) -> None:
    page = looking.at("customer-1")
    page.get_by_role("button", name="New customer").click()
    expect(page.locator(".customer-name")).to_have_text(re.compile("^guest-"))
    expect(page).to_have_url(re.compile(r"\?customer=guest-"))
    expect(page.locator(".recommended-card")).to_contain_text("No list yet")
    page.locator(".shelf .buy").first.click()
    expect(page.locator(".places .place")).to_have_count(5)


def test_the_other_pages_of_a_customer_show_the_new_list_too(looking: Looking) -> None:
    mine, other = looking.at("customer-2"), looking.at("customer-2")
    mine.locator(".places .buy").first.click()
    expect(mine.locator(".waited")).to_be_visible()
    expect(other.locator(".places")).to_have_attribute(
        "data-list", mine.locator(".places").get_attribute("data-list") or ""
    )


def test_a_customer_is_chosen_by_id_or_from_those_who_bought_just_now_and_stays_after_a_reload(
    looking: Looking,
) -> None:
    page = looking.at("customer-3")
    page.get_by_label("Customer id").fill("customer-4")
    page.keyboard.press("Enter")
    expect(page.locator(".customer-name")).to_have_text("customer-4")
    expect(page).to_have_url(re.compile(r"\?customer=customer-4$"))
    page.reload()
    expect(page.locator(".customer-name")).to_have_text("customer-4")
    chip = page.locator(".chip").first
    customer = chip.inner_text()
    chip.click()
    expect(page.locator(".customer-name")).to_have_text(customer)


@pytest.mark.parametrize("item_id", ODD_NAMES)
def test_a_name_of_any_kind_can_be_bought_and_does_no_harm(looking: Looking, item_id: str) -> None:
    page = looking.at("customer-5", width=360)
    page.get_by_label("Search products").fill(item_id)
    expect(page.locator(f".shelf [data-buy={item_id}]")).to_have_count(1)
    expect(page.locator(".shelf .buy")).to_have_count(1)
    page.locator(".shelf .buy").click()
    expect(page.locator(".waited")).to_be_visible()
    expect(page.locator(".history-card .line .name").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360, "nothing sticks out"
    assert page.locator("img, script[src='x']").count() == 0


@pytest.mark.parametrize("customer", ["<b>me</b>", "مرحبا", "a/b?c=d&e#f", "🛒", "x" * 256, "%", "' OR 1=1"])
def test_a_customer_of_any_name_can_buy(looking: Looking, customer: str, shop: Shop) -> None:
    page = looking.at(customer, width=360)
    page.locator(".shelf .buy").first.click()
    expect(page.locator(".waited")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    found = httpx.get(f"{shop.url}/v1/users/{quote(customer, safe='')}/history", timeout=60)
    assert len(found.json()["orders"]) == 1


def test_all_of_it_works_by_keyboard_and_the_focus_stays_where_it_was(looking: Looking) -> None:
    page = looking.at("customer-6")
    page.get_by_label("Search products").focus()
    page.keyboard.type("item-7")
    expect(page.locator(".shelf-card .hint")).to_have_text("1 found for “item-7”")
    page.keyboard.press("Tab")
    if page.evaluate("document.activeElement.className").find("buy") < 0:
        page.keyboard.press("Tab")  # past the cross that empties the field
    page.keyboard.press("Enter")
    expect(page.locator(".waited")).to_be_visible()
    assert page.evaluate("document.activeElement.dataset.key") == "shelf-item-7"
    page.locator(".places .buy").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".left")).to_be_visible()
    # What was bought is no longer on the list: the focus is on the list's heading, not lost.
    page.wait_for_function("document.activeElement.closest('section.recommended-card') !== null")


def test_the_root_leads_to_the_page_and_the_api_stays_as_it_was(shop: Shop) -> None:
    assert httpx.get(shop.url, timeout=60).headers["location"] == "/page/"
    missing = httpx.get(f"{shop.url}/v1/nothing", timeout=60)
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"
    assert "/page" not in str(httpx.get(f"{shop.url}/openapi.json", timeout=60).json()["paths"])
