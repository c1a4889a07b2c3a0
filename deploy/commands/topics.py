"""`nextup topics`: the topics as they should be."""

from collections.abc import Iterable

import click
from rich.box import SIMPLE
from rich.table import Table

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.contract import asyncapi
from streams.contract.topics import DAY_MS, TOPICS, Topic, changelogs, ensure


@click.command()
@click.option("--asyncapi", "as_document", is_flag=True, help="Print them as an AsyncAPI document and do nothing else.")
@click.option("--fix", is_flag=True, help="Set what differs in the settings of topics that are there.")
@pass_settings
def topics(settings: Settings, as_document: bool, fix: bool) -> None:
    """Create the topics that are missing and check the others.

    A topic that differs from what is wanted is an error that says what to do; nothing is changed then without --fix.
    """
    if as_document:
        click.echo(asyncapi.render(asyncapi.generate(settings.kafka, settings.topics)), nl=False)
        return
    wanted = (*TOPICS, *changelogs(settings.worker.group))
    created = ensure(settings.kafka, settings.topics, wanted, fix=fix)
    out.print(_table(settings, wanted, created))


def _table(settings: Settings, wanted: Iterable[Topic], created: list[str]) -> Table:
    table = Table(
        title=f"Topics at {settings.kafka.bootstrap_servers}",
        title_justify="left",
        box=SIMPLE,
        pad_edge=False,
        collapse_padding=True,
    )
    # A name that is broken over two lines cannot be copied.
    table.add_column("topic", no_wrap=True)
    for heading in ("key", "partitions", "keeps", ""):
        table.add_column(heading, justify="right" if heading == "partitions" else "left", overflow="fold")
    for topic in wanted:
        name = settings.kafka.topic_prefix + topic.name
        partitions = settings.topics.partitions_of(topic)
        table.add_row(name, topic.key, str(partitions), _keeps(topic), "created" if name in created else "was there")
    return table


def _keeps(topic: Topic) -> str:
    if topic.config["cleanup.policy"] == "compact":
        return "newest per key"
    return f"{int(topic.config['retention.ms']) // DAY_MS} days"
