"""The live view of the replay, on a terminal."""

import io
import math
import re
from collections.abc import Mapping

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from deploy.demo.scoreboard import HitRate, Scoreboard
from streams.contract.messages import Event, Purchase, RecommendationList

TITLE_WIDTH = 34
PICTURE_WIDTH = 150


def render(board: Scoreboard, titles: Mapping[str, str], total: int) -> RenderableType:
    """The whole view, for `total` purchases to be replayed."""
    return Group(
        Panel(_figures(board, total), title="nextup", subtitle="Ctrl-C stops everything"),
        Panel(_newest(board, titles), title="newest lists"),
    )


def _figures(board: Scoreboard, total: int) -> Table:
    purchase_rate, list_rate = board.rates()
    latency = board.latency()
    table = Table.grid(padding=(0, 3))
    for _ in range(4):
        table.add_column()
    table.add_row("purchases", f"{board.purchases:,} of {total:,}", f"{purchase_rate:.0f}/s", _bar(board, total))
    table.add_row("lists", f"{board.lists:,}", f"{list_rate:.0f}/s", f"{board.dead_letters} dead letters")
    table.add_row("purchase to list", f"p50 {_ms(latency.p50)}", f"p99 {_ms(latency.p99)}", "")
    table.add_row(
        "on the list before",
        Text(_percent(board.hit_rate), style="bold green"),
        f"popularity {_percent(board.popularity_hit_rate)}",
        "",
    )
    table.add_row(
        "the model's lists",
        Text(_percent(board.model_hit_rate), style="bold green"),
        f"own favourites {_percent(board.favourites_hit_rate)}",
        f"of {board.model_hit_rate.purchases:,} purchases",
    )
    return table


def _bar(board: Scoreboard, total: int) -> RenderableType:
    return ProgressBar(total=max(total, 1), completed=board.purchases, width=30)


def _newest(board: Scoreboard, titles: Mapping[str, str]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1))
    table.add_column("customer", width=8)
    table.add_column("bought", ratio=2, no_wrap=True)
    table.add_column("next", ratio=5, no_wrap=True)
    table.add_column("by", width=10, no_wrap=True)
    for recommended, event in list(board.newest):
        # Text, not str: a product's name must not be read as markup.
        cells = recommended.user_id, bought(event, titles), listed(recommended, titles), _source(recommended)
        table.add_row(*map(Text, cells))
    return table


def bought(event: Event | None, titles: Mapping[str, str]) -> str:
    """The first product of an order, and how many more there were."""
    if event is None or not hasattr(event, "items"):
        return ""
    names = [title(line.item_id, titles) for line in event.items]
    more = f" +{len(names) - 1}" if len(names) > 1 else ""
    return f"{'' if isinstance(event, Purchase) else 'returned '}{names[0]}{more}"


def listed(recommended: RecommendationList, titles: Mapping[str, str]) -> str:
    """The products of a list, best first; new ones marked."""
    entered = set(recommended.entered)
    return " · ".join(
        ("+" if item.item_id in entered else "") + title(item.item_id, titles) for item in recommended.items
    )


def title(item_id: str, titles: Mapping[str, str]) -> str:
    """A product's name, without what a terminal would take as a command."""
    name = titles.get(item_id) or item_id
    return "".join(character for character in name if character.isprintable())[:TITLE_WIDTH].strip().capitalize()


def _source(recommended: RecommendationList) -> str:
    return f"version {recommended.model.version}" if recommended.model else "fallback"


def _percent(rate: HitRate) -> str:
    return "–" if math.isnan(rate.share) else f"{rate.share:.1%}"


def _ms(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:.1f} ms"


def picture(board: Scoreboard, titles: Mapping[str, str], total: int) -> str:
    """The view as SVG that fetches nothing: rich has it load a font from elsewhere."""
    console = Console(record=True, width=PICTURE_WIDTH, file=io.StringIO())
    console.print(render(board, titles, total))
    return re.sub(r"@font-face\s*{[^}]*}", "", console.export_svg(title="make demo"))


def line(board: Scoreboard, total: int) -> str:
    """The figures in one line, for where there is no terminal."""
    latency = board.latency()
    return (
        f"{board.purchases:,} of {total:,} purchases, {board.lists:,} lists, purchase to list p50 {_ms(latency.p50)} "
        f"p99 {_ms(latency.p99)}, on the list before {_percent(board.hit_rate)} "
        f"(popularity {_percent(board.popularity_hit_rate)})"
    )
