"""Where a reader of the stream is: the next offset in each partition of `recommendations`, as one short text."""

import re
from typing import TypeAlias

Position: TypeAlias = dict[int, int]
"""Partition to the offset that comes next."""

_TEXT = re.compile(r"(\d{1,6}-\d{1,19})(\.\d{1,6}-\d{1,19})*", re.ASCII)


def written(position: Position) -> str:
    """
    >>> written({0: 17, 1: 4})
    '0-17.1-4'
    """
    return ".".join(f"{partition}-{offset}" for partition, offset in position.items())


def read(text: str) -> Position:
    """The position in a text; ValueError where it is none.

    >>> read("0-17.1-4")
    {0: 17, 1: 4}
    """
    if not _TEXT.fullmatch(text):
        raise ValueError(f"{text[:64]!r} is not the id of an event of this stream")
    pairs = (part.split("-") for part in text.split("."))
    return {int(partition): int(offset) for partition, offset in pairs}
