"""The option --mapping: which columns of a table hold what, as `user=CustomerID,event=InvoiceNo`, or a preset."""

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import click
from msgspec import NODEFAULT, Struct
from msgspec.structs import fields

C = TypeVar("C", bound=Struct)


class MappingType(click.ParamType, Generic[C]):
    """Turns the text into `kind`, whose fields name the columns; `presets` are mappings that have a name."""

    name = "mapping"

    def __init__(self, kind: type[C], roles: tuple[str, ...], presets: Mapping[str, C]) -> None:
        self._kind = kind
        self._roles = roles
        self._required = [info.name for info in fields(kind) if info.default is NODEFAULT]
        self._presets = presets

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> C:
        if isinstance(value, self._kind):
            return value
        if value in self._presets:
            return self._presets[value]
        pairs = dict(self._pair(part, param, ctx) for part in value.split(","))
        missing = [role for role in self._required if role not in pairs]
        if missing:
            self.fail(f"{', '.join(missing)} is missing; {self._expected()}", param, ctx)
        return self._kind(**pairs)

    def _pair(self, part: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        role, equals, column = (piece.strip() for piece in part.partition("="))
        if not equals or not column or role not in self._roles:
            self.fail(f"{part.strip()!r} is not understood; {self._expected()}", param, ctx)
        return role, column

    def _expected(self) -> str:
        optional = [role for role in self._roles if role not in self._required]
        return (
            f"expected {','.join(f'{role}=COLUMN' for role in self._required)} and, if there are such columns, "
            f"{', '.join(optional)}; or one of these names: {', '.join(self._presets)}"
        )
