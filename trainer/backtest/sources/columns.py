"""What the caller says about a file: which columns hold what, and what to do where the file leaves a choice."""

from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from trainer.errors import UnreadableData

Anonymous: TypeAlias = Literal["leave-out", "own"]
Returns: TypeAlias = Literal["leave-out", "take-back"]


class FileColumns(Struct, frozen=True):
    """Which columns of a table hold what; each row is one line of an order.

    Rows with the same `user` and `order` are one order. Without `order`, what a user bought at one moment is
    one order. `description` is a name of the item for people.
    """

    user: str
    item: str
    time: str = ""
    order: str = ""
    quantity: str = ""
    price: str = ""
    description: str = ""
    timezone: str = "UTC"
    """Of times that name no zone."""

    def names(self) -> list[str]:
        """The columns to read, each once."""
        columns = (self.user, self.item, self.time, self.order, self.quantity, self.price, self.description)
        return list(dict.fromkeys(column for column in columns if column))

    def zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            raise UnreadableData(f"unknown time zone {self.timezone!r}; expected a name like Europe/London") from None


class FileRules(Struct, frozen=True):
    """How a file is to be understood, where its columns do not tell."""

    ordered: bool = False
    """The rows lie in the order in which they happened, and no column says when."""
    anonymous: Anonymous = "leave-out"
    """Rows without a user: left out, or each order of them a user of its own."""
    returns: Returns = "leave-out"
    """Rows with a negative quantity: left out, as the literature does, or taken out of what was bought, as in
    the stream."""
    time_format: str = ""
    """Of times that are text and not ISO 8601, in the letters of strptime."""


ONLINE_RETAIL = FileColumns(
    user="CustomerID",
    item="StockCode",
    time="InvoiceDate",
    order="InvoiceNo",
    quantity="Quantity",
    price="UnitPrice",
    description="Description",
    timezone="Europe/London",
)
"""The data set Online Retail of the UCI Machine Learning Repository; cancelled invoices are its returns."""
