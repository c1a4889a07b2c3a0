"""What people see who follow a link of an email: one small page, whole in itself, in light and dark."""

import base64
import hashlib
from collections.abc import Mapping
from html import escape

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{font:1.125rem/1.5 system-ui,sans-serif;max-width:34rem;margin:12vh auto;padding:0 1.5rem;"
    "overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;line-height:1.25}"
    "button{font:inherit;padding:.75rem 1.5rem;border:0;border-radius:.5rem;"
    "background:CanvasText;color:Canvas;cursor:pointer}"
    "button:focus-visible{outline:3px solid Highlight;outline-offset:3px}"
)
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

LEADING_NOWHERE: Mapping[str, str] = {
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    ),
}
"""Headers of all answers to links: the address holds a customer's token, and nobody else is to learn it."""


def asking(shop: str) -> str:
    """Whether to unsubscribe; the button sends what a mail program's own button does (RFC 8058)."""
    return _page(f"No more emails from {shop}?", "Press the button, and you will get no more of them.", _BUTTON)


def done(shop: str) -> str:
    return _page("You are unsubscribed", f"You will get no more emails from {shop}. You can close this page.")


def not_stored() -> str:
    words = (
        "We could not store it just now, so you are not unsubscribed yet. Please press the button again in a minute."
    )
    return _page("Please try again", words, _BUTTON)


def not_ours(why: str) -> str:
    """`why` is what is wrong with the link."""
    return _page("This link does not work", f"{why[:1].upper()}{why[1:]}.")


# A form without an action is sent to the page's own address, behind whatever proxy it was reached.
_BUTTON = (
    '<form method="post"><input type="hidden" name="List-Unsubscribe" value="One-Click">'
    '<button type="submit">Unsubscribe</button></form>'
)


def _page(title: str, words: str, more: str = "") -> str:
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{_STYLE}</style></head>'
        f"<body><main><h1>{escape(title)}</h1><p>{escape(words)}</p>{more}</main></body></html>\n"
    )
