"""Which items may be recommended: the shop's `items` topic, as of now."""

import logging

import msgspec

from streams.contract import messages

log = logging.getLogger(__name__)


class Catalogue:
    """Knows the items that the shop has withdrawn.

    An item that the shop never described may be recommended, so that the catalogue is optional; a
    tombstone takes a description back, which is why it makes the item available again.
    """

    def __init__(self) -> None:
        self._withdrawn: set[str] = set()

    def is_available(self, item_id: str) -> bool:
        return item_id not in self._withdrawn

    def on_record(self, key: bytes, value: bytes | None) -> None:
        """Take one record of the `items` topic."""
        try:
            item_id = key.decode()
            available = value is None or messages.item.decode(value).available
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("the item %r is skipped: %s", key, error)
            return
        if available:
            self._withdrawn.discard(item_id)
        else:
            self._withdrawn.add(item_id)
