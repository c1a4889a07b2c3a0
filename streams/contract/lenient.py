"""A decoder that looks again at what was refused: a byte order mark, null for "not given", more forms of ISO 8601."""

import re
from codecs import BOM_UTF8
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

T = TypeVar("T")

_TIME = re.compile(
    r"(?P<minute>\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?P<second>:\d\d)?(?P<fraction>[.,]\d{1,9})?"
    r"(?P<zone>[Zz]|[+-]\d\d(?::?\d\d)?)",
    re.ASCII,
)


class LenientDecoder(Generic[T]):
    """Decodes JSON as `msgspec.json.Decoder` does, and only where that refuses a value, looks at it again."""

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder = msgspec.json.Decoder(kind)

    def decode(self, value: bytes) -> T:
        """Raises what msgspec raises, about the value as it was sent."""
        if value.startswith(BOM_UTF8):
            value = value[len(BOM_UTF8) :]
        try:
            return self._decoder.decode(value)
        except msgspec.ValidationError as error:
            try:
                mended = msgspec.json.encode(_mended(msgspec.json.decode(value), self._type))
            except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError):
                raise error from None
        return self._decoder.decode(mended)

    def strictly(self, value: bytes) -> T:
        """As the schema says, for values that Python wrote: there null may be a NaN."""
        return self._decoder.decode(value)

    @cached_property
    def _type(self) -> inspect.Type:
        return inspect.type_info(self._kind)


def iso_time(text: str) -> str:
    """A time as msgspec reads it: with seconds, at most six digits of them, and minutes in the zone's offset.

    What is no such time comes back as it is, to be refused.
    """
    found = _TIME.fullmatch(text)
    if found is None or (found["fraction"] and not found["second"]):
        return text
    fraction = (found["fraction"] or "").replace(",", ".")[:7]
    return f"{found['minute'].upper()}{found['second'] or ':00'}{fraction}{_zone(found['zone'])}"


def _zone(text: str) -> str:
    if text in ("Z", "z"):
        return "Z"
    return f"{text[:3]}:{text[3:].removeprefix(':') or '00'}"


def _mended(value: Any, kind: inspect.Type) -> Any:
    if isinstance(kind, inspect.Metadata):
        return _mended(value, kind.type)
    if isinstance(kind, inspect.UnionType):
        for each in kind.types:
            value = _mended(value, each)
    elif isinstance(kind, inspect.DateTimeType) and isinstance(value, str):
        return iso_time(value)
    elif isinstance(kind, inspect.ListType) and isinstance(value, list):
        return [_mended(each, kind.item_type) for each in value]
    elif isinstance(kind, inspect.StructType) and isinstance(value, dict):
        return _mended_fields(value, kind)
    return value


def _mended_fields(value: dict[str, Any], kind: inspect.StructType) -> dict[str, Any]:
    fields = {field.encode_name: field for field in kind.fields}
    optional = {name for name, field in fields.items() if not field.required}
    given = {name: each for name, each in value.items() if each is not None or name not in optional}
    return {name: _mended(each, fields[name].type) if name in fields else each for name, each in given.items()}
