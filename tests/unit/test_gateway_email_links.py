"""Links of emails at the gateway: where the example leads, what people see, and which answers nobody may keep."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.email_links import served_links
from streams.emails.errors import InvalidRules
from streams.emails.rules import read_rules
from streams.emails.settings import EmailSettings
from streams.gateway import email_links, email_pages
from tests.unit.test_email_rules import EXAMPLE

SHOP = '<b>"Shop" & Sons</b>'
PAGES = [
    email_pages.asking(SHOP),
    email_pages.done(SHOP),
    email_pages.not_stored(),
    email_pages.not_ours("the link is damaged"),
]


def test_the_rules_of_the_example_lead_to_the_routes_of_the_gateway() -> None:
    sending = read_rules(EXAMPLE).sending
    assert urlsplit(sending.click_url).path == email_links.CLICK
    assert urlsplit(sending.unsubscribe_url).path == email_links.UNSUBSCRIBE


@pytest.mark.parametrize("page", PAGES)
def test_a_page_names_its_language_and_what_it_is_about_and_fetches_nothing(page: str) -> None:
    assert '<html lang="en">' in page
    (title,) = re.findall(r"<title>(.+?)</title>", page)
    assert page.count(f"<h1>{title}</h1>") == 1
    assert not re.search(r"src=|href=|url\(|@import|<script", page)


def test_the_shops_name_is_shown_as_it_is_written() -> None:
    for page in PAGES[:2]:
        assert "&lt;b&gt;&quot;Shop&quot; &amp; Sons&lt;/b&gt;" in page
        assert "<b>" not in page


def test_what_is_asked_or_failed_has_one_button_and_what_is_done_has_none() -> None:
    assert [page.count("<button") for page in PAGES] == [1, 0, 1, 0]
    for page in (PAGES[0], PAGES[2]):
        assert '<form method="post">' in page
        assert 'name="List-Unsubscribe" value="One-Click"' in page


def test_no_links_are_served_without_a_secret_whatever_the_rules_are() -> None:
    assert served_links(EmailSettings(rules="/nowhere")) is None


def test_with_a_secret_they_are_and_what_is_wrong_is_told(tmp_path: Path) -> None:
    links = served_links(EmailSettings(rules=str(EXAMPLE), link_secret="x" * 16))
    assert links is not None
    assert links.shop == "Example Shop"
    with pytest.raises(InvalidRules, match="cannot be read"):
        served_links(EmailSettings(rules=str(tmp_path / "none.toml"), link_secret="x" * 16))
    with pytest.raises(InvalidRules, match="at least 16"):
        served_links(EmailSettings(rules=str(EXAMPLE), link_secret="x" * 15))
