"""Customers from a file in place of the topic: JSON lines, one customer each, as on the topic."""

from pathlib import Path

import msgspec

from streams.clients.errors import UnreadableFile
from streams.clients.table_files import json_lines
from streams.contract import email_messages
from streams.contract.email_messages import Customer
from streams.contract.messages import invalid_field


def read_customers(path: Path) -> dict[str, Customer]:
    """Customers by id; of several lines about one the last. UnreadableFile names the line that is at fault."""
    found = {}
    for number, line in json_lines(path, lambda _share: None):
        try:
            customer = email_messages.customer.decode(line)
        except msgspec.ValidationError as error:
            raise UnreadableFile(f"{path}: line {number:,}: {invalid_field(error)}") from None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise UnreadableFile(f"{path}: line {number:,}: is not JSON") from None
        found[customer.user_id] = customer
    return found
