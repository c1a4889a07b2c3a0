"""`nextup skip`: have the workers pass over one record at which they stand still."""

import click

from deploy.command_line import pass_settings
from deploy.settings import Settings
from streams.worker.skipping import skip_record


@click.command()
@click.argument("partition", type=click.IntRange(min=0))
@click.argument("offset", type=click.IntRange(min=0))
@click.option("--reason", required=True, help="Why; it is kept with the record's dead letter.")
@pass_settings
def skip(settings: Settings, partition: int, offset: int, reason: str) -> None:
    """Pass over the record at OFFSET of PARTITION of purchases, at which every worker ends.

    Stop all workers first. The record becomes a dead letter with the reason, and the next worker goes on behind it;
    nothing else changes. Once the cause is mended: nextup dead-letters replay.
    """
    skip_record(settings.kafka, settings.worker.group, partition, offset, reason)
    click.echo(
        f"skipped: the workers go on at offset {offset + 1} of partition {partition}; the record is a dead letter"
    )
