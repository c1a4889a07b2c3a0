"""What stands in the letters that the server has taken."""

import re

from streams.emails.links import Links
from tests.emails.mail import Taken


def tokens_of(letter: Taken) -> list[str]:
    """Those of the products in order, and at the end the one to unsubscribe by."""
    text = letter.message.get_body(("plain",))
    assert text is not None
    return re.findall(r"[?&]t=(\S+)", text.get_content())


def items_of(letter: Taken, links: Links) -> frozenset[str]:
    """The products that a letter names."""
    return frozenset(link.item_id for link in map(links.read, tokens_of(letter)) if link.purpose == "clicked")
