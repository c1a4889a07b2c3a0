"""The email itself: what it says, from templates, and the headers that mail systems ask for."""

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import format_datetime, parseaddr
from pathlib import Path
from typing import NamedTuple

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined, TemplateError, select_autoescape

from streams.emails.desk import Parcel
from streams.emails.errors import HandoverFailed, InvalidRules
from streams.emails.links import Links
from streams.emails.rules import Sending
from streams.emails.standing import Candidate

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_TITLE = 90
"""Characters; longer names of products are cut."""
SUBJECT_TITLE = 48
LONGEST_URL = 970
"""Characters; no line of an email may have more than 998 (RFC 5322, 2.1.1), and a URL cannot be folded."""

TILES = ("#7a5c99", "#2f7f79", "#b3554a", "#3f6fa8", "#8a7430", "#5d7d43")
"""Colours that stand for products, dark enough for a white letter on them (4.5:1 and more)."""

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Marks that change the direction of what comes after them."""


class _WholeIds(EmailPolicy):
    """Lines end with CRLF, and what is one word stays one.

    Python writes a word that is too long for a line as encoded words, in which no mail system looks for a URL or an id.
    """

    def fold_binary(self, name: str, value: str) -> bytes:
        if name in {"List-Unsubscribe", "Message-ID"}:
            return f"{name}: {value}\r\n".encode("ascii")
        return super().fold_binary(name, value)


POLICY = _WholeIds(linesep="\r\n")


class Shown(NamedTuple):
    """One product as the templates see it."""

    title: str
    url: str
    because: tuple[str, ...]
    initial: str
    tile: str


_SAMPLE = {
    "shop": "Shop",
    "products": [
        Shown("Cups", "https://shop.example/cups", ("Plates",), "C", TILES[0]),
        Shown("Bowls", "https://shop.example/bowls", (), "B", TILES[1]),
    ],
    "unsubscribe_url": "https://shop.example/unsubscribe",
}
"""What templates are tried with at the start, so that a wrong one is no surprise at the first email."""


class Letter(NamedTuple):
    """An email as SMTP takes it: envelope, and content in lines that end with CRLF."""

    sender: str
    recipient: str
    content: bytes


class Composer:
    """Makes letters. The same parcel at the same moment makes the same bytes."""

    def __init__(self, sending: Sending, links: Links) -> None:
        """Raises InvalidRules where a template is missing or cannot be used."""
        own = [FileSystemLoader(sending.templates)] if sending.templates else []
        environment = Environment(
            loader=ChoiceLoader([*own, FileSystemLoader(TEMPLATES)]),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        try:
            self._html, self._text = (environment.get_template(name) for name in ("email.html", "email.txt"))
            for template in (self._html, self._text):
                template.render(_SAMPLE)
        except TemplateError as error:
            raise InvalidRules(f"sending.templates: a template cannot be used: {error}") from None
        self._sending = sending
        self._sender = Address(parseaddr(sending.sender)[0], addr_spec=parseaddr(sending.sender)[1])
        self._links = links

    def letter(self, parcel: Parcel, at: datetime) -> Letter:
        """HandoverFailed, for good, where there is no writing to the customer's address."""
        decision = parcel.outgoing.decision_id
        recipient = _recipient(parcel.customer.email)
        said = self._said(parcel)
        unsubscribe = f"<{said['unsubscribe_url']}>"
        if len(unsubscribe) > LONGEST_URL:
            raise HandoverFailed("the customer's id is too long for a link in a header", is_final=True)
        message = EmailMessage(policy=POLICY)
        message["Subject"] = _subject(parcel)
        message["From"] = self._sender
        message["To"] = recipient
        message["Date"] = format_datetime(at)
        message["Message-ID"] = f"<{decision}@{self._sender.domain}>"
        message["List-Unsubscribe"] = unsubscribe
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(self._text.render(said), cte="quoted-printable")
        message.make_alternative(boundary=f"=_{decision}")
        message.add_alternative(self._html.render(said), subtype="html", cte="quoted-printable")
        return Letter(self._sender.addr_spec, recipient.addr_spec, message.as_bytes())

    def _said(self, parcel: Parcel) -> Mapping[str, object]:
        """What the templates are given."""
        return {
            "shop": self._sending.shop,
            "products": [self._shown(parcel, candidate.item_id, candidate.because) for candidate in _ranked(parcel)],
            "unsubscribe_url": self._links.unsubscribe(parcel.user_id, parcel.outgoing.decision_id),
        }

    def _shown(self, parcel: Parcel, item_id: str, because: tuple[str, ...]) -> Shown:
        title = readable(parcel.titles[item_id])
        reasons = tuple(readable(parcel.titles[id_]) for id_ in because if id_ != item_id)
        url = self._links.click(parcel.user_id, parcel.outgoing.decision_id, item_id)
        tile = TILES[hashlib.blake2b(item_id.encode(), digest_size=1).digest()[0] % len(TILES)]
        return Shown(title, url, reasons, _initial(title), tile)


def readable(title: str, longest: int = LONGEST_TITLE) -> str:
    """A product's name in one line, without marks that would turn the text around, cut where it is too long."""
    plain = "".join(" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in _BIDI.sub("", title))
    words = " ".join(plain.split())
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"


def _initial(title: str) -> str:
    """The first letter or digit, which every font has."""
    return next((character.upper() for character in title if character.isalnum()), "·")


def _ranked(parcel: Parcel) -> list[Candidate]:
    return sorted(parcel.outgoing.candidates, key=lambda candidate: candidate.rank)


def _subject(parcel: Parcel) -> str:
    first, *others = _ranked(parcel)
    more = f", and {len(others)} more" if others else ""
    return f"New for you: {readable(parcel.titles[first.item_id], SUBJECT_TITLE)}{more}"


def _recipient(text: str) -> Address:
    """The address alone; names come from nowhere, and an address that needs SMTPUTF8 is not written to."""
    try:
        text.encode("ascii")
        return Address(addr_spec=text)
    except (UnicodeEncodeError, MessageError, ValueError, IndexError):
        raise HandoverFailed("the address is not valid", is_final=True) from None
