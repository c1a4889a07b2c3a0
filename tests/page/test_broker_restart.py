"""The page while its broker is away, and afterwards."""

from playwright.sync_api import Browser, Page, expect

from deploy.stack.broker import Broker
from streams.contract import topics
from tests.integration.workers import Source, records
from tests.page.looking import PATIENCE_MS, Looking, Shop

expect.set_options(timeout=PATIENCE_MS)

CUSTOMER = "broker-gone"


def buy(page: Page) -> None:
    page.locator(".shelf .buy").first.click()


def shown_list(page: Page) -> str:
    return page.locator(".places").get_attribute("data-list") or ""


def test_a_broker_that_is_away_is_said_and_once_it_is_back_a_click_leads_to_a_new_list_without_a_reload(
    browser: Browser, own_shop: Shop, own_broker: Broker
) -> None:
    with Looking(browser, own_shop.url) as looking:
        page = looking.at(CUSTOMER)
        buy(page)
        expect(page.locator(".waited")).to_be_visible()
        expect(page.locator(".state")).to_have_text("version 1 answers")
        before = shown_list(page)
        page.evaluate("window.stayed = true")

        own_broker.stop()
        expect(page.locator(".state")).to_have_text("Kafka is away")
        expect(page.locator(".notice")).to_contain_text("What stands here stays")
        buy(page)
        expect(page.locator(".announcement.trouble")).to_contain_text("Nothing was bought")
        assert shown_list(page) == before

        own_broker.start()
        expect(page.locator(".state")).to_have_text("version 1 answers")
        expect(page.locator(".notice")).to_have_text("")
        buy(page)
        expect(page.locator(".places")).not_to_have_attribute("data-list", before)
        expect(page.locator(".origin .tag")).to_have_text("next-purchase, version 1")
        _bought_elsewhere(own_shop)
        expect(page.locator(".chip").first).to_have_text("someone-else")
        assert page.evaluate("window.stayed"), "the page was loaded anew"
        looking.check()
    mine = [record for record in records(own_shop.kafka, topics.PURCHASES) if record.key() == CUSTOMER.encode()]
    assert len(mine) == 2, "what was not bought did not come later"


def _bought_elsewhere(shop: Shop) -> None:
    source = Source(shop.kafka)
    source.buy("someone-else", "elsewhere", "item-3")
    source.flush()
