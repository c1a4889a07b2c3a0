"""Options that take one number or several, joined by commas: `--seeds 1,2,3`."""

from typing import Any

import click


class NumbersType(click.ParamType):
    """Turns the text into whole numbers, none of them negative, each once and in the order in which they came."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = [part.strip() for part in value.split(",")]
        for part in parts:
            if not part.isdecimal():
                self.fail(f"{part!r} is no whole number; expected one or several, joined by commas", param, ctx)
        return tuple(dict.fromkeys(map(int, parts)))
