"""Beside the shop: versions, charts and dead letters, and what is said when a part is away."""

import re
import signal

from playwright.sync_api import Page, expect

from deploy.stack.process import wait_until
from streams.contract import topics
from tests.integration.workers import records
from tests.page.looking import PATIENCE_MS, Looking, Shop, product_names

expect.set_options(timeout=PATIENCE_MS)


def buy(page: Page) -> None:
    page.locator(".shelf .buy").first.click()


def answered_by(page: Page, who: str) -> None:
    """Buys until a list says so: a batch that was under way at a change is still the version's before."""

    def bought_from_it() -> bool:
        buy(page)
        expect(page.locator(".waited")).to_be_visible()
        page.wait_for_timeout(500)
        return who in page.locator(".origin .tag").inner_text()

    wait_until(bought_from_it, 90, f"a list by {who}")


def confirmed(page: Page, action: str) -> None:
    page.get_by_role("dialog").get_by_role("button", name=action).click()


def test_a_version_is_promoted_and_rolled_back_and_the_lists_say_so(looking: Looking) -> None:
    page, other = looking.at("swapping"), looking.at("customer-7")
    answered_by(page, "version 1")
    first = product_names(page)
    page.get_by_role("button", name="Promote version 2").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator(".state")).to_have_text("version 1 answers")

    page.get_by_role("button", name="Promote version 2").click()
    expect(page.get_by_role("dialog")).to_contain_text("Have version 2 answer from now on?")
    confirmed(page, "Promote")
    expect(page.locator(".state")).to_have_text("version 2 answers")
    expect(page.locator(".told")).to_have_text("Version 2 answers.")
    expect(other.locator(".told")).to_have_text("Version 2 answers.")
    answered_by(page, "version 2")
    assert product_names(page) != first

    page.get_by_role("button", name="Roll back").click()
    confirmed(page, "Roll back")
    expect(page.locator(".state")).to_have_text("version 1 answers")
    answered_by(page, "version 1")
    assert product_names(page) == first


def challenged(page: Page, how: str) -> None:
    page.get_by_role("button", name="Try version 2").click()
    page.get_by_role("radio", name=how).click()
    confirmed(page, "Try")


def no_longer_challenged(page: Page) -> None:
    page.get_by_role("button", name="Stop trying version 2").click()
    confirmed(page, "Stop")
    expect(page.locator(".told")).to_have_text("Version 1 answers.")
    expect(page.get_by_role("button", name="Try version 2")).to_be_visible()


def answered_a_new_customer(page: Page) -> str:
    page.get_by_role("button", name="New customer").click()
    expect(page.locator(".recommended-card")).to_contain_text("No list yet")
    buy(page)
    expect(page.locator(".waited")).to_be_visible()
    return page.locator(".origin .tag").inner_text()


def test_a_version_is_tried_in_the_shadow_then_as_a_canary_for_some_customers_and_stopped(looking: Looking) -> None:
    page = looking.at("trying")
    newest = page.locator(".versions tbody tr").first
    challenged(page, "In the shadow")
    expect(page.locator(".told")).to_have_text("Version 2 is tried in the shadow.")
    expect(newest.locator(".tag")).to_have_text("shadow")
    expect(page.get_by_role("button", name="Try version")).to_have_count(0)
    no_longer_challenged(page)

    challenged(page, "Answering half")
    expect(page.locator(".told")).to_have_text("Version 2 is tried for 50% of the customers.")
    expect(newest.locator(".tag")).to_have_text("canary")
    expect(page.locator(".state")).to_have_text("version 1 answers")
    answered = {answered_a_new_customer(page) for _ in range(16)}
    assert answered >= {"next-purchase, version 1", "next-purchase, version 2"}
    no_longer_challenged(page)


def test_figures_move_while_purchases_flow(looking: Looking) -> None:
    page = looking.at("flowing")
    for _ in range(3):
        buy(page)
        expect(page.locator(".waited")).to_be_visible()
        page.wait_for_timeout(300)
    expect(page.locator(".latency-card dd").first).to_have_text(re.compile(r"\d (ms|s)$"))
    expect(page.locator(".flow-card svg")).to_have_attribute("aria-label", re.compile("purchases and"))
    rates = page.locator(".rates tbody tr")
    expect(rates).to_have_count(2)
    expect(rates.nth(0)).to_contain_text(re.compile(r"version 1.*\d%.*of \d", re.DOTALL))
    expect(rates.nth(1)).to_contain_text("popularity")


def test_dead_letters_are_shown_with_their_reason(looking: Looking) -> None:
    page = looking.at("customer-8")
    letters = page.locator(".letters-card")
    expect(letters).to_contain_text("malformed")
    expect(letters).to_contain_text("purchases / ")


def test_a_killed_triton_is_said_lists_go_on_as_fallback_and_it_recovers(looking: Looking, shop: Shop) -> None:
    page = looking.at("triton-gone")
    answered_by(page, "version 1")
    shop.triton.process.send_signal(signal.SIGKILL)
    shop.triton.process.wait(30)
    expect(page.locator(".state")).to_have_text("model is away")
    expect(page.locator(".notice")).to_contain_text("lists are the fallback's")
    answered_by(page, "fallback")
    assert len(product_names(page)) == 5
    shop.triton.start()
    expect(page.locator(".state")).to_have_text("version 1 answers")
    expect(page.locator(".notice")).to_have_text("")
    answered_by(page, "version 1")


def test_a_worker_that_is_away_is_said_purchases_wait_and_their_lists_come(looking: Looking, shop: Shop) -> None:
    page = looking.at("worker-gone")
    assert shop.worker is not None
    shop.worker.stop()
    page.locator(".shelf .buy").first.dblclick()
    expect(page.locator(".announcement.trouble")).to_contain_text("The purchase is in Kafka")
    expect(page.locator(".recommended-card")).to_contain_text("No list yet")
    expect(page.locator(".state")).to_have_text("worker is away")
    shop.worker.start()
    expect(page.locator(".places .place")).to_have_count(5)
    expect(page.locator(".state")).to_have_text("version 1 answers")
    mine = [record for record in records(shop.kafka, topics.PURCHASES) if record.key() == b"worker-gone"]
    assert len(mine) == 1, "the second click came while the first one waited"
