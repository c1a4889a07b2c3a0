"""The bundled purchases of a real shop, split into what is past and what happens next."""

import re
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from streams.clients.item_files import ONLINE_RETAIL_ITEMS, read_items
from streams.clients.purchase_files import ONLINE_RETAIL, read_events
from streams.clients.read_report import ReadReport
from streams.contract.messages import Event, Item, Purchase

DATA = Path(__file__).parents[1] / "data" / "online_retail.parquet"
REPLAY_FROM = datetime(2011, 11, 9, tzinfo=ZoneInfo("Europe/London"))
PRODUCT_CODE = re.compile(r"\d{5}")
"""What the stock code of a product begins with."""


class Story(NamedTuple):
    """What the file tells: the past, and what happens next, in order."""

    history: list[Event]
    replay: list[Event]
    items: list[Item]
    report: ReadReport


class Place(msgspec.Struct):
    """How far earlier demos have come; kept in a file beside their state."""

    history_published: bool = False
    replayed: int = 0


def read_story(path: Path = DATA) -> Story:
    """The bundled purchases, split at REPLAY_FROM."""
    report = ReadReport()
    events = list(read_events(path, ONLINE_RETAIL, report))
    return Story(
        [event for event in events if event.occurred_at < REPLAY_FROM],
        [event for event in events if event.occurred_at >= REPLAY_FROM],
        [_sellable(item) for item in read_items(path, ONLINE_RETAIL_ITEMS)],
        report,
    )


def _sellable(item: Item) -> Item:
    """Postage, discounts, bank charges and the like are lines of this shop's invoices, but nothing to recommend."""
    return msgspec.structs.replace(item, available=PRODUCT_CODE.match(item.item_id) is not None)


def read_place(file: Path) -> Place:
    """Where earlier demos stopped; the beginning where there were none."""
    return msgspec.json.decode(file.read_bytes(), type=Place) if file.exists() else Place()


def first_purchases(events: list[Event], purchases: int | None) -> list[Event]:
    """Up to and with the last of so many purchases; returns in between come along."""
    if purchases is None:
        return events
    count = 0
    for number, event in enumerate(events):
        count += isinstance(event, Purchase)
        if count == purchases:
            return events[: number + 1]
    return events
