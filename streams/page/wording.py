"""Names, numbers and times as they are read."""

import unicodedata
from datetime import datetime

LONGEST_NAME = 90
_MARKS = {"\u200d", "\u200e", "\u200f"}
"""Joins parts of one emoji, and marks of direction: they belong to a name. Overrides of direction do not."""


def clipped(text: str, length: int = LONGEST_NAME) -> str:
    """At most so many characters in one line, without what a page cannot show.

    >>> clipped("a\\x00 long\\n name", 8)
    'a long…'
    """
    seen = "".join(character if _is_shown(character) else " " for character in text[: length * 4])
    line = " ".join(seen.split())
    return line if len(line) <= length and len(text) <= length * 4 else line[: length - 1].rstrip() + "…"


def name_of(title: str, item_id: str) -> str:
    """What a product is called. A title in capitals alone is shouted: it is told in a calmer way.

    >>> name_of("PACK OF 20 SPACEBOY NAPKINS", "22613")
    'Pack of 20 spaceboy napkins'
    """
    name = clipped(title or item_id)
    return name.capitalize() if title.isupper() else name


def milliseconds(value: float | None) -> str:
    """
    >>> milliseconds(8.24), milliseconds(213.7), milliseconds(4321.0), milliseconds(None)
    ('8.2 ms', '214 ms', '4.3 s', '–')
    """
    if value is None:
        return "–"
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.0f} ms" if value >= 100 else f"{value:.1f} ms"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def day(at: datetime) -> str:
    """
    >>> day(datetime(2011, 12, 9))
    '9 Dec 2011'
    """
    return f"{at.day} {at:%b %Y}"


def quantity(number: float) -> str:
    return f"{number:g}"


def _is_shown(character: str) -> bool:
    return character in _MARKS or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
