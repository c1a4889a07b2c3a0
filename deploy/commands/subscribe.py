"""`nextup subscribe`: lists as they come."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, cast

import click
from rich.text import Text

from deploy.command_line import out, pass_settings
from deploy.settings import Settings
from streams.clients.starts import Start
from streams.clients.subscriber import RecommendationSubscriber
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import RecommendationList
from streams.contract.reading import read_to_end


class StartType(click.ParamType):
    """`now`, `beginning`, or a time in ISO 8601; one that names no zone is the machine's."""

    name = "now|beginning|time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Start:
        if isinstance(value, datetime) or value in {"now", "beginning"}:
            return cast("Start", value)
        try:
            return datetime.fromisoformat(value).astimezone()
        except ValueError:
            self.fail(f"{value!r} is not now, beginning or a time such as 2011-12-09T12:50:00Z", param, ctx)


@click.command()
@click.option("--user", "user_id", help="Only this customer's lists.")
@click.option("--from", "start", type=StartType(), default="now", show_default=True, help="Replays from that time on.")
@click.option("--changed", is_flag=True, help="Leave out lists with the same items, in the same order, as before.")
@click.option("--count", type=click.IntRange(min=1), help="End after so many lists; without it, with Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One list per line as JSON, as on the topic.")
@pass_settings
def subscribe(
    settings: Settings, /, user_id: str | None, start: Start, changed: bool, count: int | None, as_json: bool
) -> None:
    """Print lists as they come: when, for whom, after which event, and the products with their titles."""
    with RecommendationSubscriber(settings.kafka, start=start, user_id=user_id, on_change=changed) as lists:
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
