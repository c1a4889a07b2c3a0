"""`nextup gateway`: purchases, lists and histories over HTTP; and its API keys."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from deploy.command_line import out, pass_settings
from deploy.email_links import served_links
from deploy.settings import Settings
from streams.gateway import keys, server
from streams.gateway.keys import SCOPES, Scope


@click.group(invoke_without_command=True)
@click.pass_context
@pass_settings
def gateway(settings: Settings, context: click.Context) -> None:
    """Serve purchases, lists and histories over HTTP until stopped."""
    if context.invoked_subcommand is None:
        server.run(
            settings.kafka,
            settings.triton,
            settings.gateway,
            settings.models.repository,
            settings.models.name,
            settings.worker.history_lines,
            served_links(settings.emails),
        )


@gateway.group("keys")
def api_keys() -> None:
    """Make and withdraw API keys.

    A running gateway notices at once, but for the last key: once that is withdrawn, the old ones count until
    the next start, so that a gateway never becomes open while it runs.
    """


@api_keys.command()
@click.argument("name")
@click.option("--scope", "scopes", type=click.Choice(SCOPES), multiple=True, required=True, help="May be repeated.")
@pass_settings
def add(settings: Settings, name: str, scopes: Sequence[Scope]) -> None:
    """Make a key called NAME and print it. It is shown this once: only a hash of it is kept."""
    file = Path(settings.gateway.keys_file)
    key, kept = keys.new_key(name, scopes, datetime.now(UTC))
    keys.write_keys(file, [*keys.read_keys(file), kept])
    click.echo(key)


@api_keys.command("list")
@pass_settings
def list_keys(settings: Settings) -> None:
    """Show what is kept of each key."""
    table = Table("id", "name", "may", "since")
    for key in keys.read_keys(Path(settings.gateway.keys_file)):
        table.add_row(key.id, Text(key.name), ", ".join(key.scopes), f"{key.created_at:%Y-%m-%d}")
    out.print(table)


@api_keys.command()
@click.argument("key_id", metavar="ID")
@pass_settings
def remove(settings: Settings, key_id: str) -> None:
    """Withdraw the key whose id is ID."""
    file = Path(settings.gateway.keys_file)
    kept = keys.read_keys(file)
    left = [key for key in kept if key.id != key_id]
    if len(left) == len(kept):
        raise click.ClickException(f"no key has the id {key_id}; see: nextup gateway keys list")
    keys.write_keys(file, left)
    out.print(f"{key_id} is withdrawn", highlight=False)
