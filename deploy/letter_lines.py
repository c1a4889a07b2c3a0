"""Dead letters for a terminal of 80 columns, and as JSON."""

from collections.abc import Iterator
from typing import Any

from streams.contract.letters import Letter

WIDTH = 80


def readable(data: bytes | None) -> str:
    r"""Text as it is, and an escape for each byte or character that a terminal does not show.

    >>> readable(b'{"a": "\xc3\xa9"}\x1b\xff')
    '{"a": "é"}\\x1b\\xff'
    """
    if data is None:
        return "null"
    return "".join(_shown(character) for character in data.decode(errors="backslashreplace"))


def clipped(text: str, width: int) -> str:
    """At most `width` characters in one line."""
    line = " ".join(text.expandtabs(1).splitlines())
    return line if len(line) <= width else line[: width - 3] + "..."


def summary(letter: Letter) -> list[str]:
    """Two lines: where it lies, when, why, from where; and what was wrong with it."""
    head = f"{letter.partition} {letter.offset}  {letter.at:%Y-%m-%d %H:%M:%S}  {_safe(letter.reason)}"
    more = ", cut" if letter.is_cut else ""
    return [
        clipped(f"{head}  {_safe(letter.source)}{more}", WIDTH),
        "    " + clipped(_safe(letter.about.get("error.text", "")) or "no text", WIDTH - 4),
    ]


def details(letter: Letter, most_bytes: int) -> Iterator[str]:
    """Everything about one letter, with the first `most_bytes` of its value."""
    yield f"dead letter {letter.partition} {letter.offset}, written {letter.at:%Y-%m-%d %H:%M:%S} UTC"
    yield f"reason: {_safe(letter.reason)}: {_safe(letter.about.get('error.text', ''))}"
    yield f"source: {_safe(letter.source)}"
    yield f"key: {readable(letter.key)}"
    for name, value in letter.own_headers:
        yield f"header {_safe(name)}: {readable(value)}"
    yield from (f"added {name}: {_safe(text)}" for name, text in sorted(letter.about.items()))
    size = len(letter.value or b"")
    if letter.is_cut:
        whole = _safe(letter.about.get("source.size", "?"))
        yield f"the value is cut: {size} of {whole} bytes are kept; it cannot be replayed"
    yield f"value, {size} bytes:" if size <= most_bytes else f"value, the first {most_bytes} of {size} bytes:"
    yield readable(None if letter.value is None else letter.value[:most_bytes])


def as_json(letter: Letter) -> dict[str, Any]:
    """Bytes as readable text; the added headers under their names."""
    return {
        "partition": letter.partition,
        "offset": letter.offset,
        "at": letter.at,
        "reason": letter.reason,
        "source": letter.source,
        "cut": letter.is_cut,
        "key": readable(letter.key),
        "headers": [[name, readable(value)] for name, value in letter.own_headers],
        "about": letter.about,
        "value": readable(letter.value),
    }


def _safe(text: str) -> str:
    return readable(text.encode(errors="replace"))


def _shown(character: str) -> str:
    if character.isprintable() or character in "\n\t":
        return character
    return character.encode("unicode_escape").decode()
