"""Pictures of a page that runs: as a visitor sees it who has just bought something, on a desk and on a phone."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, Error, Page, sync_playwright

from deploy.stack.errors import MissingPart, StackError

CHROMIUM = Path("/usr/bin/chromium")
PATIENCE_MS = 60_000
FILLED_MS = 45_000
"""So long the charts are left to fill before the first picture."""


class Screen(NamedTuple):
    """What a picture is called, and how large the window is."""

    name: str
    width: int
    height: int


SCREENS = (Screen("desk", 1280, 1010), Screen("phone", 390, 844))
SHADES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def take(link: str, folder: Path) -> Iterator[Path]:
    """One picture of each screen in each shade; MissingPart or StackError where that cannot be done."""
    if not CHROMIUM.exists():
        raise MissingPart("Chromium is not installed; run: sudo apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            wait_ms = FILLED_MS
            for screen in SCREENS:
                for shade in SHADES:
                    file = folder / f"page-{screen.name}-{shade}.png"
                    _take(browser, link, screen, shade, wait_ms, file)
                    wait_ms = 0
                    yield file
        except Error as error:
            raise StackError(f"no picture of {link}: {error.message.splitlines()[0]}; is the page there?") from None
        finally:
            browser.close()


def _take(
    browser: Browser, link: str, screen: Screen, shade: Literal["light", "dark"], wait_ms: int, file: Path
) -> None:
    page = browser.new_page(
        viewport={"width": screen.width, "height": screen.height}, color_scheme=shade, reduced_motion="reduce"
    )
    page.set_default_timeout(PATIENCE_MS)
    page.goto(link)
    page.wait_for_selector(".state-fine")
    page.wait_for_timeout(wait_ms)
    _buy(page)
    page.screenshot(path=file)
    page.close()


def _buy(page: Page) -> None:
    """The third product of the list: what it brings along is seen, and most of the list stays."""
    page.locator(".places .buy").nth(2).click()
    page.wait_for_selector(".waited")
    page.mouse.move(0, 0)
    # The product may have left the list and the focus gone with it: no ring around a heading.
    page.evaluate("document.activeElement.blur()")
