"""`nextup topics`: the topics as they should be."""

import click
from rich.box import SIMPLE
from rich.table import Table

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.contract import asyncapi
from streams.contract.topics import DAY_MS, TOPICS, Topic, ensure


@click.command()
@click.option("--asyncapi", "as_document", is_flag=True, help="Print them as an AsyncAPI document and do nothing else.")
@pass_settings
def topics(settings: Settings, as_document: bool) -> None:
    """Create the topics that are missing and check the others.

    A topic that differs from what is wanted is an error that says what to do; nothing is changed then.
    """
    if as_document:
        click.echo(asyncapi.render(asyncapi.generate(settings.kafka, settings.topics)), nl=False)
        return
    created = ensure(settings.kafka, settings.topics)
    out.print(_table(settings, created))


def _table(settings: Settings, created: list[str]) -> Table:
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
    for topic in TOPICS:
        name = settings.kafka.topic_prefix + topic.name
        partitions = settings.topics.partitions_of(topic)
        table.add_row(name, topic.key, str(partitions), _keeps(topic), "created" if name in created else "was there")
    return table


def _keeps(topic: Topic) -> str:
    if topic.config["cleanup.policy"] == "compact":
        return "newest per key"
    return f"{int(topic.config['retention.ms']) // DAY_MS} days"
