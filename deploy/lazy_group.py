"""A command group that imports its commands when they are called, and tells errors in one line."""

import importlib
import os
import traceback
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from deploy.errors import SettingsError
from deploy.stack.errors import DidNotStart, StackError
from serving.errors import ServingError
from streams.contract.errors import ContractError
from streams.contract.last_words import last_words
from streams.gateway.errors import GatewayError
from streams.worker.errors import WorkerError
from trainer.errors import TrainerError

OUR_ERRORS = (ContractError, ServingError, WorkerError, GatewayError, TrainerError, SettingsError, StackError)
"""Errors whose text tells a user what to do; all others are bugs, whose traceback comes before the last line."""

err = Console(stderr=True)


class Failed(click.ClickException):
    """What a command ends with, told on stderr in one line; exit code 1."""

    def __init__(self, sentence: str, error: Exception) -> None:
        super().__init__(sentence)
        self._error = error

    def show(self, file: Any = None) -> None:
        if isinstance(self._error, DidNotStart):
            for line in self._error.last_lines:
                err.print(Text(f"  {line}", style="dim"), soft_wrap=True)
        err.print(Text.assemble(("error: ", "bold red"), self.message), soft_wrap=True)


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that help and small commands are quick.

    `commands_at` maps a command's name to where it is (`module:attribute`) and what it does, in a line.
    """

    def __init__(self, *args: Any, commands_at: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._commands_at:
            return None
        place, _ = self._commands_at[cmd_name]
        command = imported(place)
        if not isinstance(command, click.Command):
            raise TypeError(f"{place} is no click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in self._commands_at.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OUR_ERRORS as error:
            if os.environ.get("NEXTUP_DEBUG"):
                raise
            raise Failed(str(error), error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            traceback.print_exception(error)
            raise Failed(last_words(error), error) from error
        except KeyboardInterrupt:
            ctx.exit(130)


def imported(place: str) -> Any:
    """The object at `module:attribute`."""
    module, _, attribute = place.partition(":")
    return getattr(importlib.import_module(module), attribute)
