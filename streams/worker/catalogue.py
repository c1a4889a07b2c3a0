"""Which items may be recommended: the shop's `items` topic, as of now."""

import logging

from streams.contract import messages
from streams.contract.errors import InvalidEvent

log = logging.getLogger(__name__)


class Catalogue:
    """Knows the items that the shop has withdrawn.

    An item that the shop never described may be recommended, so that the catalogue is optional; a
    tombstone takes a description back, which is why it makes the item available again. A record that
    cannot be read, or tells of another item than its key, withdraws the item of its key until a readable
    one comes: a list without an item does less harm than one with an item that is not for sale.
    """

    def __init__(self) -> None:
        self._withdrawn: set[str] = set()

    def is_available(self, item_id: str) -> bool:
        return item_id not in self._withdrawn

    def on_record(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the `items` topic."""
        try:
            item_id = key.decode()
        except UnicodeDecodeError as error:
            log.warning("the item %r is skipped: its key is not UTF-8: %s", key, error)
            return
        try:
            available = value is None or messages.keyed_item(key, value).available
        except InvalidEvent as error:
            log.warning("the item %r counts as withdrawn until its record can be read: %s", key, error)
            available = False
        if available:
            self._withdrawn.discard(item_id)
        else:
            self._withdrawn.add(item_id)
