"""What the commands share: where they print, and the settings on demand."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import click
from rich.console import Console

from deploy.settings import Settings, load

out = Console()
err = Console(stderr=True)

P = ParamSpec("P")
R = TypeVar("R")


def pass_settings(command: Callable[Concatenate[Settings, P], R]) -> Callable[P, R]:
    """Give a command the checked settings as its first argument; they are not read for `--help`."""

    @functools.wraps(command)
    def with_settings(*args: P.args, **kwargs: P.kwargs) -> R:
        config: Path | None = click.get_current_context().find_root().params.get("config")
        return command(load(config, os.environ), *args, **kwargs)

    return with_settings
