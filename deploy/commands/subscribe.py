"""`nextup subscribe`: lists as they come."""

from collections.abc import Iterator
from itertools import islice
from typing import Literal

import click
from rich.text import Text

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import RecommendationList
from streams.contract.reading import read_to_end


@click.command()
@click.option("--user", "user_id", help="Only this customer's lists.")
@click.option("--from", "start", type=click.Choice(("now", "beginning")), default="now", show_default=True)
@click.option("--count", type=click.IntRange(min=1), help="End after so many lists; without it, with Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One list per line as JSON, as on the topic.")
@pass_settings
def subscribe(
    settings: Settings, user_id: str | None, start: Literal["now", "beginning"], count: int | None, as_json: bool
) -> None:
    """Print lists as they come: when, for whom, after which event, and the products with their titles."""
    with RecommendationSubscriber(settings.kafka, start=start, user_id=user_id) as lists:
        titles = {} if as_json else dict(_titles(settings.kafka))
        for recommended in islice(lists, count):
            if as_json:
                click.echo(messages.encode(recommended))
            else:
                out.print(_readable(recommended, titles), soft_wrap=True)


def _titles(connection: KafkaConnection) -> Iterator[tuple[str, str]]:
    for message in read_to_end(connection, connection.topic_prefix + topics.ITEMS.name):
        try:
            item = messages.item_from_json(message.value() or b"")
        except InvalidEvent:
            continue
        if item.title:
            yield item.item_id, item.title


def _readable(recommended: RecommendationList, titles: dict[str, str]) -> Text:
    by = f"{recommended.model.name} {recommended.model.version}" if recommended.model else recommended.source
    cause = f"{recommended.cause.type} {recommended.cause.event_id}"
    line = Text.assemble(
        (f"{recommended.generated_at.astimezone():%H:%M:%S} ", "dim"),
        (recommended.user_id, "bold"),
        (f" after {cause}, by {by}: ", "dim"),
    )
    for item in recommended.items:
        line.append(f" {item.rank} ", "cyan")
        line.append(titles.get(item.item_id, item.item_id))
    return line
