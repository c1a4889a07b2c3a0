"""A picture of each product, drawn from its name: the same name always gives the same one, and nothing is fetched."""

import hashlib

from streams.page.wording import clipped

SIDE = 48
HUES = (12, 32, 48, 88, 150, 174, 198, 216, 262, 292, 330, 350)

GLYPHS = {
    "bag": "M6 9h12l1 11H5L6 9Zm3 0V7a3 3 0 0 1 6 0v2",
    "cup": "M5 8h11v6a4 4 0 0 1-4 4H9a4 4 0 0 1-4-4V8Zm11 2h2a2 2 0 0 1 0 5h-2M8 3v2m4-2v2",
    "light": "M9 20h6M12 4c3 3 4 5 4 7a4 4 0 0 1-8 0c0-2 1-4 4-7Zm0 11v5",
    "cake": "M4 20h16M5 20v-7h14v7M5 16c2 2 3 2 5 0 1 2 3 2 4 0 2 2 3 2 5 0M12 13V8m0-4v1",
    "clock": "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16Zm0 4v4l3 2",
    "heart": "M12 20C6 16 4 13 4 9.5A4 4 0 0 1 12 8a4 4 0 0 1 8 1.5C20 13 18 16 12 20Z",
    "box": "M4 8h16v12H4V8Zm0 0 2-4h12l2 4M12 4v16",
    "paper": "M7 4h8l3 3v13H7V4Zm3 7h5m-5 4h5",
    "bottle": "M10 4h4v4l2 3v9H8v-9l2-3V4Z",
    "flower": "M12 9.5a2.5 2.5 0 1 0 .1 0ZM12 9.5V5m0 14v-4.5M9.5 12H5m14 0h-4.5",
    "star": "m12 4 2.4 5 5.600.7-4 3.900 1 5.4-5-2.7-5 2.7 1-5.4-4-3.900 5.600-.7L12 4Z",
    "tree": "M12 3 7 9h2l-4 5h3l-3 4h14l-3-4h3l-4-5h2l-5-6Zm0 15v3",
    "flag": "M3 6c6 3 12 3 18 0M5 7l2 6 2-5m2 0 1 6 2-6m2 0 2 5 1-6",
    "umbrella": "M4 12a8 8 0 0 1 16 0H4Zm8 0v6a2 2 0 0 1-4 0M12 4V3",
    "toy": "M7 10a5 5 0 0 1 10 0v7a3 3 0 0 1-10 0v-7Zm0-2a2 2 0 1 1 2-3m8 3a2 2 0 1 0-2-3m-5 5v.5m4-.5v.5m-3 3h2",
    "home": "m4 11 8-7 8 7v9h-5v-5H9v5H4v-9Z",
    "cutlery": "M8 4v16M6 4v5a2 2 0 0 0 4 0V4m6 0c-2 2-2 6 0 8v8V4Z",
    "key": "M9 9a4 4 0 1 0 0 .1M12 12l7 7m-3-3 2-2",
}
"""Lines on a field of 24 by 24."""

_WORDS = {
    "bag": ("bag", "purse", "backpack", "satchel", "basket"),
    "cup": ("mug", "cup", "teacup", "tea", "coffee", "teapot", "saucer"),
    "light": ("light", "candle", "lantern", "lamp", "t-light", "tealight", "lights"),
    "cake": ("cake", "cakestand", "cakes", "baking", "cupcake", "muffin"),
    "clock": ("clock", "alarm", "watch"),
    "heart": ("heart", "hearts", "love", "wedding"),
    "box": ("box", "tin", "tins", "drawer", "storage", "jar", "case", "cabinet", "boxes"),
    "paper": ("card", "cards", "wrap", "paper", "notebook", "book", "journal", "napkins", "tissues", "sticker"),
    "bottle": ("bottle", "water", "glass", "vase", "jug"),
    "flower": ("flower", "flowers", "rose", "roses", "garden", "daisy", "poppy"),
    "star": ("star", "stars", "decoration", "magic"),
    "tree": ("tree", "christmas", "xmas", "wreath"),
    "flag": ("bunting", "garland", "ribbon", "ribbons", "party"),
    "umbrella": ("umbrella", "parasol", "rain", "poncho"),
    "toy": ("toy", "doll", "rabbit", "bear", "playhouse", "game", "girl", "boy", "children", "childrens"),
    "home": ("house", "home", "door", "sign", "doormat", "cottage"),
    "cutlery": ("spoon", "fork", "cutlery", "plate", "bowl", "lunch", "kitchen", "dish", "trivet"),
    "key": ("key", "keyring", "hook", "chain", "padlock"),
}
_GLYPH_OF = {word: glyph for glyph, words in _WORDS.items() for word in words}


def picture(title: str, item_id: str) -> str:
    """An SVG of SIDE by SIDE that is only looked at: the name stands beside it."""
    hue = HUES[_number(title or item_id) % len(HUES)]
    glyph = glyph_of(title)
    inside = f'<path d="{GLYPHS[glyph]}"/>' if glyph else f'<text x="12" y="15.5">{initials(title or item_id)}</text>'
    return (
        f'<svg class="picture" style="--hue:{hue}" viewBox="0 0 24 24" width="{SIDE}" height="{SIDE}" '
        f'aria-hidden="true" focusable="false">{inside}</svg>'
    )


def glyph_of(title: str) -> str:
    """What the name speaks of: the last word that is known says most ("cake tin" is a tin); "" where none is."""
    words = clipped(title).casefold().replace(",", " ").split()
    return next((_GLYPH_OF[word] for word in reversed(words) if word in _GLYPH_OF), "")


def initials(name: str) -> str:
    """One or two letters or digits, of the first two words that have any; "·" where none has.

    >>> initials("vintage <b>union jack"), initials("22613"), initials("🧦")
    ('VB', '2', '·')
    """
    firsts = [letter for word in clipped(name).split() if (letter := next(filter(str.isalnum, word), ""))]
    return "".join(firsts[:2]).upper() or "·"


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=4).digest())
