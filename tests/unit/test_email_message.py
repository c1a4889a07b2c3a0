"""Letters: what they say, in both parts, and that names and addresses can do no harm."""

from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.emails.errors import HandoverFailed, InvalidRules, InvalidToken
from streams.emails.links import Link, Links
from streams.emails.message import LONGEST_TITLE, Composer, readable
from streams.emails.rules import Sending
from tests.emails_made import COMPOSER, LINKS, NOON, SENDING, SHOP, a_parcel, part, sent


class _Text(HTMLParser):
    """What a reader sees, and the tags that there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, _attributes: object) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


TITLES = {"cups": "Blue cups", "forks": "Forks & more", "x": "napkins"}


def test_a_letter_has_all_that_mail_systems_ask_for() -> None:
    message = sent(a_parcel(TITLES))
    assert message["From"] == "The Shop <news@shop.example>"
    assert message["To"] == "ada@home.example"
    assert message["Subject"] == "New for you: Blue cups, and 1 more"
    assert message["Message-ID"] == "<d1@shop.example>"
    assert message["Date"].datetime == NOON
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    url = message["List-Unsubscribe"].strip("<>")
    assert LINKS.read(url.partition("?t=")[2]) == Link("unsubscribed", "ada", "d1")
    assert message.get_content_type() == "multipart/alternative"
    assert [p.get_content_type() for p in message.iter_parts()] == ["text/plain", "text/html"]
    assert message.defects == []


@settings(deadline=None)
@given(
    user_id=st.text(min_size=1, max_size=150),
    domain=st.sampled_from(["shop.example", f"{'a' * 60}.{'b' * 60}.example"]),
)
def test_urls_and_ids_in_headers_stay_whole_however_long(user_id: str, domain: str) -> None:
    composer = Composer(Sending(**SENDING | {"sender": f"news@{domain}"}), LINKS)
    content = composer.letter(a_parcel(TITLES)._replace(user_id=user_id), NOON).content
    lines = content.partition(b"\r\n\r\n")[0].split(b"\r\n")
    assert f"List-Unsubscribe: <{LINKS.unsubscribe(user_id, 'd1')}>".encode() in lines
    assert f"Message-ID: <d1@{domain}>".encode() in lines


def test_no_email_goes_out_that_one_cannot_unsubscribe_from() -> None:
    with pytest.raises(HandoverFailed, match="too long for a link"):
        COMPOSER.letter(a_parcel(TITLES)._replace(user_id="🍴" * 256), NOON)


def test_both_parts_name_the_products_and_why_and_lead_to_them() -> None:
    message = sent(a_parcel(TITLES))
    for kind in ("plain", "html"):
        text = part(message, kind)
        seen = " ".join(_Text(text).seen) if kind == "html" else text
        for words in ("Blue cups", "Forks & more", "because you bought napkins", "No more of these"):
            assert words in seen
        assert LINKS.click("ada", "d1", "cups").replace("&", "&amp;" if kind == "html" else "&") in text


def test_the_same_parcel_makes_the_same_bytes() -> None:
    assert COMPOSER.letter(a_parcel(TITLES), NOON) == COMPOSER.letter(a_parcel(TITLES), NOON)


def test_no_line_is_longer_than_smtp_allows() -> None:
    content = COMPOSER.letter(a_parcel({"a": "A" * 10_000, "b": "é" * 10_000, "x": "🍴" * 10_000}), NOON).content
    assert max(map(len, content.split(b"\r\n"))) <= 998
    assert content.isascii()
    assert b"\n" not in content.replace(b"\r\n", b"")


@pytest.mark.parametrize(
    "title",
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "{{ 7 * 7 }}",
        "</td></table>",
        "a\r\nBcc: eve@x.example",
    ],
)
def test_a_name_with_markup_or_a_line_break_is_only_a_name(title: str) -> None:
    message = sent(a_parcel({"cups": title, "x": title}))
    shown = _Text(part(message, "html"))
    assert not shown.tags & {"script", "img"}
    assert readable(title) in " ".join(shown.seen)
    assert message["Bcc"] is None
    assert message["Subject"].endswith(readable(title, 48))


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_name_makes_a_letter_that_reads_back(title: str) -> None:
    message = sent(a_parcel({"cups": title, "x": "napkins"}))
    assert message.defects == []
    assert message["Message-ID"] == "<d1@shop.example>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Bcc"] is None


def test_names_are_cut_and_lose_marks_that_turn_the_text_around() -> None:
    assert readable("x" * 10_000) == "x" * (LONGEST_TITLE - 1) + "…"
    assert readable("gift \u202egnp.exe\u202c  box\n") == "gift gnp.exe box"
    assert readable("مناديل 👨‍👩‍👧 ورقية") == "مناديل 👨‍👩‍👧 ورقية"


@pytest.mark.parametrize(
    "email", ["", "ada", "ada@", "@home.example", "a@b.example\r\nBcc: c@d.example", "adä@home.example"]
)
def test_an_address_that_is_none_is_refused_for_good_and_not_repeated(email: str) -> None:
    with pytest.raises(HandoverFailed) as caught:
        COMPOSER.letter(a_parcel(TITLES, email), NOON)
    assert caught.value.is_final
    assert str(caught.value) == "the address is not valid"


def test_a_template_of_the_shop_takes_the_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "email.txt").write_text("{{ shop }} greets: {{ products[0].title }}")
    composer = Composer(Sending(**SENDING | {"templates": str(tmp_path)}), LINKS)
    assert b"The Shop greets: Blue cups" in composer.letter(a_parcel(TITLES), NOON).content


OF_EACH_REASON = "{% for product in products %}{{ product.because[0] }}{% endfor %}"
"""Not every product has one."""


@pytest.mark.parametrize("text", ["{% if %}", "{{ price }}", "{{ products[0].price.amount }}", OF_EACH_REASON])
def test_a_template_that_cannot_be_used_is_refused_at_the_start(tmp_path: Path, text: str) -> None:
    (tmp_path / "email.txt").write_text(text)
    with pytest.raises(InvalidRules, match=r"sending\.templates: a template cannot be used: "):
        Composer(Sending(**SENDING | {"templates": str(tmp_path)}), LINKS)


@given(st.text(min_size=1), st.text(min_size=1), st.text(min_size=1))
def test_links_read_back_as_what_they_were_made_of(user_id: str, decision: str, item_id: str) -> None:
    link = Link("clicked", user_id, decision, item_id)
    assert LINKS.read(LINKS.token(link)) == link


def test_a_link_that_was_changed_or_made_by_others_is_refused() -> None:
    token = LINKS.token(Link("clicked", "ada", "d1", "cups"))
    others = Links(b"the secret of others", SHOP).token(Link("clicked", "ada", "d1", "cups"))
    changed = ("A" if token[0] != "A" else "B") + token[1:]
    for wrong in ("", "x", "ü", token[:-3], changed, others):
        with pytest.raises(InvalidToken):
            LINKS.read(wrong)


def test_a_click_leads_to_the_shop_whatever_the_product_is_called() -> None:
    target = LINKS.target(Link("clicked", "ada", "d1", "//evil.example/?a=b"))
    assert target == "https://shop.example/p/%2F%2Fevil.example%2F%3Fa%3Db"
