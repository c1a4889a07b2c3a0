"""Read the catalogue from a file: the contract's own items as JSON lines, or a table that names them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from streams.clients.errors import UnreadableFile
from streams.clients.read_report import ReadReport
from streams.clients.table_files import Format, TableFile, format_of, json_lines
from streams.clients.values import as_flag, as_text
from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Item


class ItemColumns(Struct, frozen=True):
    """Which columns of a table hold what. An item may have many rows, as in a list of order lines.

    Its title and category are the ones that most of its rows have, empty cells aside; whether it is
    available is what its last row says.
    """

    item: str
    title: str = ""
    category: str = ""
    available: str = ""

    def names(self) -> list[str]:
        """The columns to read, in the order of the fields."""
        return [column for column in (self.item, self.title, self.category, self.available) if column]


ONLINE_RETAIL_ITEMS = ItemColumns(item="StockCode", title="Description")
"""The items of the bundled data set."""


def read_items(
    path: Path,
    columns: ItemColumns | None = None,
    report: ReadReport | None = None,
    format_: Format | None = None,
) -> Iterator[Item]:
    """The items in a file; of a table each item once, in the order of first appearance.

    Rows that name no valid item are left out and counted in `report`. Raises UnreadableFile where the
    file as a whole is at fault.
    """
    report = report or ReadReport()
    format_ = format_ or format_of(path)
    if format_ == "jsonl":
        items = _json_items(path, report)
    elif columns is None:
        raise UnreadableFile(f"{path}: a {format_} file needs a mapping that says which columns hold what")
    else:
        items = _table_items(path, columns, report, format_)
    for item in items:
        report.read["item"] += 1
        yield item
    report.progressed(1.0)


def _json_items(path: Path, report: ReadReport) -> Iterator[Item]:
    for number, line in json_lines(path, report.progressed):
        report.rows += 1
        try:
            yield messages.item_from_json(line)
        except InvalidEvent as error:
            report.leave_out_invalid(number, error)


class _Product:
    """What the rows of one item say about it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.rows = 0
        self.titles: Counter[str] = Counter()
        self.categories: Counter[str] = Counter()
        self.available = True

    def item(self, item_id: str) -> Item:
        fields = {
            "item_id": item_id,
            "title": _most_common(self.titles),
            "category": _most_common(self.categories),
            "available": self.available,
        }
        try:
            return msgspec.convert(fields, Item)
        except msgspec.ValidationError as error:
            raise messages.invalid_field(error) from None


def _table_items(path: Path, columns: ItemColumns, report: ReadReport, format_: Format) -> Iterator[Item]:
    products: dict[str, _Product] = {}
    names = columns.names()
    for number, values in TableFile(path, names, report.progressed, report.malformed).rows(format_):
        report.rows += 1
        try:
            _take_in(products, number, dict(zip(names, values, strict=True)), columns)
        except ValueError as error:
            report.leave_out(number, "invalid-field", str(error))
    for item_id, product in products.items():
        try:
            yield product.item(item_id)
        except InvalidEvent as error:
            report.leave_out_invalid(product.number, error, product.rows)


def _take_in(products: dict[str, _Product], number: int, cells: dict[str, Any], columns: ItemColumns) -> None:
    item_id = as_text(cells[columns.item])
    if item_id is None:
        raise ValueError("item_id is empty")
    available = as_flag(cells.get(columns.available))
    title, category = (as_text(cells.get(name)) for name in (columns.title, columns.category))
    product = products.setdefault(item_id, _Product(number))
    product.rows += 1
    if available is not None:
        product.available = available
    if title is not None:
        product.titles[title.strip()] += 1
    if category is not None:
        product.categories[category.strip()] += 1


def _most_common(texts: Counter[str]) -> str:
    return texts.most_common(1)[0][0] if texts else ""
