"""Links that say who clicked on what, signed, so that nobody can click or unsubscribe for somebody else.

A token holds the customer's id in a form that anyone can read who has the link; it cannot be changed or made by others.
"""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime
from typing import Literal, TypeAlias
from urllib.parse import quote, urlencode

import msgspec
from msgspec import Struct

from streams.contract.email_messages import EmailEvent, email_event_id
from streams.emails.errors import InvalidRules, InvalidToken
from streams.emails.rules import Rules, Sending
from streams.emails.settings import EmailSettings

Purpose: TypeAlias = Literal["clicked", "unsubscribed"]
SIGNATURE_BYTES = 16
SHORTEST_SECRET = 16


class Link(Struct, frozen=True, array_like=True):
    """What a link stands for: a click on a product of an email, or the wish to get no more."""

    purpose: Purpose
    user_id: str
    decision_id: str
    item_id: str = ""


class Links:
    """Makes links and reads them again; both sides must have the same `secret`.

    >>> shop = "https://shop.example"
    >>> sending = Sending("A shop", "news@shop.example", f"{shop}/click", f"{shop}/stop", f"{shop}/items/{{item_id}}")
    >>> links = Links(b"a secret of at least 16 bytes", sending)
    >>> links.read(links.token(Link("clicked", "12680", "d1", "22138")))
    Link(purpose='clicked', user_id='12680', decision_id='d1', item_id='22138')
    """

    def __init__(self, secret: bytes, sending: Sending) -> None:
        self._secret = secret
        self._sending = sending

    @property
    def shop(self) -> str:
        """The name of whoever writes."""
        return self._sending.shop

    def click(self, user_id: str, decision_id: str, item_id: str) -> str:
        """The URL behind a product."""
        return _with_token(self._sending.click_url, self.token(Link("clicked", user_id, decision_id, item_id)))

    def unsubscribe(self, user_id: str, decision_id: str) -> str:
        """The URL that takes a POST with `List-Unsubscribe=One-Click` as well (RFC 8058)."""
        return _with_token(self._sending.unsubscribe_url, self.token(Link("unsubscribed", user_id, decision_id)))

    def target(self, link: Link) -> str:
        """Where a click leads: always to the shop, whatever the link says."""
        return self._sending.item_url.replace("{item_id}", quote(link.item_id, safe=""))

    def token(self, link: Link) -> str:
        payload = msgspec.msgpack.encode(link)
        return _text(self._signature(payload) + payload)

    def read(self, token: str) -> Link:
        """What a token stands for; InvalidToken where it is none of ours."""
        try:
            signed = base64.urlsafe_b64decode(token.encode("ascii") + b"==")
        except (UnicodeEncodeError, binascii.Error):
            raise InvalidToken("the link is damaged; copy it from the email as a whole") from None
        signature, payload = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._signature(payload)):
            raise InvalidToken("the link was not made by this shop, or was damaged; copy it from the email as a whole")
        return msgspec.msgpack.decode(payload, type=Link)

    def _signature(self, payload: bytes) -> bytes:
        return hmac.digest(self._secret, payload, hashlib.sha256)[:SIGNATURE_BYTES]


def links_by(settings: EmailSettings, rules: Rules) -> Links:
    """The links that emails carry; InvalidRules where there is no secret to sign them with."""
    if len(settings.link_secret) < SHORTEST_SECRET:
        raise InvalidRules(
            f"emails.link_secret has {len(settings.link_secret)} characters; set NEXTUP_EMAILS_LINK_SECRET to at least "
            f"{SHORTEST_SECRET}, the same as for the gateway"
        )
    return Links(settings.link_secret.encode(), rules.sending)


def event_of(link: Link, at: datetime) -> EmailEvent:
    """What has happened when a link is followed; however often, it is the same event."""
    event_id = email_event_id(link.decision_id, link.purpose, link.item_id)
    items = [link.item_id] if link.item_id else []
    return EmailEvent(event_id, link.user_id, link.decision_id, link.purpose, at, items)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def _with_token(url: str, token: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode({'t': token})}"
