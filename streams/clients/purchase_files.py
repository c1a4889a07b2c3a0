"""Read purchases from a file: the contract's own events as JSON lines, or order lines as CSV or Parquet."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from streams.clients.errors import UnreadableFile
from streams.clients.read_report import ReadReport
from streams.clients.table_files import Format, Row, TableFile, format_of, json_lines
from streams.clients.values import as_moment, as_number, as_text
from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Event, Line, Purchase, Return

T = TypeVar("T")

OPEN_ORDERS = 64
"""An order's rows may be interleaved with those of so many others that began after it."""


class PurchaseColumns(Struct, frozen=True):
    """Which columns of a table hold what; each row is one line of an order.

    Rows with the same `user` and `event` are one order, whose time is that of its first row. Times
    without a zone are wall time in `timezone`; `time_format` is strptime's (ISO 8601 where empty).
    An order whose `event` begins with `returns_prefix` is a return, and so are lines with a negative
    quantity: quantities are counted without their sign.
    """

    user: str
    event: str
    item: str
    time: str
    quantity: str = ""
    price: str = ""
    timezone: str = "UTC"
    time_format: str = ""
    returns_prefix: str = ""

    def names(self) -> list[str]:
        """The columns to read, in the order of the fields."""
        columns = (self.user, self.event, self.item, self.time, self.quantity, self.price)
        return [column for column in columns if column]

    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise UnreadableFile(f"unknown time zone {self.timezone!r}; expected a name like Europe/London") from None


ONLINE_RETAIL = PurchaseColumns(
    user="CustomerID",
    event="InvoiceNo",
    item="StockCode",
    time="InvoiceDate",
    quantity="Quantity",
    price="UnitPrice",
    timezone="Europe/London",
    returns_prefix="C",
)
"""The bundled data set, `deploy/data/online_retail.parquet`."""


def read_events(
    path: Path,
    columns: PurchaseColumns | None = None,
    report: ReadReport | None = None,
    format_: Format | None = None,
) -> Iterator[Event]:
    """The purchases, returns and erasures in a file, in its order and in bounded memory.

    JSON lines need no `columns`; CSV and Parquet do. Rows that cannot be part of an event are left out
    and counted in `report`. Raises UnreadableFile where the file as a whole is at fault.
    """
    report = report or ReadReport()
    format_ = format_ or format_of(path)
    if format_ == "jsonl":
        events = _json_events(path, report)
    elif columns is None:
        raise UnreadableFile(f"{path}: a {format_} file needs a mapping that says which columns hold what")
    else:
        events = _table_events(path, columns, report, format_)
    for event in events:
        report.read[type(event).__name__.lower()] += 1
        yield event
    report.progressed(1.0)


def _json_events(path: Path, report: ReadReport) -> Iterator[Event]:
    now = datetime.now(UTC)
    for number, line in json_lines(path, report.progressed):
        report.rows += 1
        try:
            event = messages.event_from_json(line)
            messages.check_acceptable(event, now)
        except InvalidEvent as error:
            report.leave_out_invalid(number, error)
        else:
            yield event


def _table_events(path: Path, columns: PurchaseColumns, report: ReadReport, format_: Format) -> Iterator[Event]:
    orders = _Orders(columns, report)
    for row in TableFile(path, columns.names(), report.progressed, report.malformed).rows(format_):
        report.rows += 1
        yield from orders.add(row)
    yield from orders.rest()


class _Order:
    """An order whose rows are still coming."""

    def __init__(self, number: int, user: str, event: str, moment: datetime) -> None:
        self.number = number
        self.user = user
        self.event = event
        self.moment = moment
        self.rows = 0
        self.bought: list[Line] = []
        self.returned: list[Line] = []

    def add(self, line: Line, returned: bool) -> None:
        """An order over the limit is refused as a whole, so what lies beyond need not be kept."""
        self.rows += 1
        lines = self.returned if returned else self.bought
        if len(lines) <= messages.MAX_LINES:
            lines.append(line)

    def parts(self) -> Iterator[tuple[type[Purchase | Return], dict[str, Any]]]:
        """The fields of its events: an order with both kinds of lines becomes a purchase and a return of it."""
        fields = {"event_id": self.event, "user_id": self.user, "occurred_at": self.moment}
        if self.bought:
            yield Purchase, fields | {"items": self.bought}
        if self.bought and self.returned:
            fields |= {"event_id": f"{self.event}/return", "purchase_event_id": self.event}
        if self.returned:
            yield Return, fields | {"items": self.returned}


class _Orders:
    """Gathers rows into orders, and hands an order out once OPEN_ORDERS others have begun after it."""

    def __init__(self, columns: PurchaseColumns, report: ReadReport) -> None:
        self._columns = columns
        self._zone = columns.zone()
        self._report = report
        self._open: dict[tuple[str, str], _Order] = {}
        self._now = datetime.now(UTC)

    def add(self, row: Row) -> Iterator[Event]:
        """Take one row in; the orders that are complete by now."""
        user, event, item, moment, *rest = row.values
        try:
            key = (_given("user_id", as_text, user), _given("event_id", as_text, event))
            item_id = _given("item_id", as_text, item)
            if key not in self._open:
                self._open[key] = _Order(row.number, *key, _given("occurred_at", self._moment, moment))
            self._open[key].add(*self._line(item_id, rest, key[1]))
        except InvalidEvent as error:
            self._report.leave_out_invalid(row.number, error)
        if len(self._open) > OPEN_ORDERS:
            yield from self._close(next(iter(self._open)))

    def rest(self) -> Iterator[Event]:
        """The orders that are complete because the file has ended."""
        for key in list(self._open):
            yield from self._close(key)

    def _moment(self, cell: Any) -> datetime | None:
        return as_moment(cell, self._zone, self._columns.time_format)

    def _line(self, item_id: str, cells: list[Any], event_id: str) -> tuple[Line, bool]:
        """A line, and whether it was brought back."""
        fields: dict[str, Any] = {"item_id": item_id}
        if self._columns.quantity:
            fields["quantity"] = _given("quantity", as_number, cells[0])
        if self._columns.price:
            fields["price"] = _understood("price", as_number, cells[-1])
        quantity = fields.get("quantity", 1)
        prefix = self._columns.returns_prefix
        returned = quantity < 0 or (prefix != "" and event_id.startswith(prefix))
        fields["quantity"] = abs(quantity)
        try:
            return msgspec.convert(fields, Line), returned
        except msgspec.ValidationError as error:
            raise messages.invalid_field(error) from None

    def _close(self, key: tuple[str, str]) -> Iterator[Event]:
        order = self._open.pop(key)
        for kind, fields in order.parts():
            try:
                event = msgspec.convert(fields, kind)
                messages.check_acceptable(event, self._now)
            except msgspec.ValidationError as error:
                self._report.leave_out_invalid(order.number, messages.invalid_field(error), order.rows)
            except InvalidEvent as error:
                self._report.leave_out_invalid(order.number, error, order.rows)
            else:
                yield event


def _given(name: str, understand: Callable[[Any], T | None], cell: Any) -> T:
    """The value of a cell that must not be empty."""
    value = _understood(name, understand, cell)
    if value is None:
        raise InvalidEvent(f"no {name}", "")
    return value


def _understood(name: str, understand: Callable[[Any], T | None], cell: Any) -> T | None:
    try:
        return understand(cell)
    except ValueError as error:
        raise InvalidEvent("invalid-field", f"{name}: {error}", name) from None
