"""Which records of `recommendations` a reader gets to see."""

from confluent_kafka import Message

from streams.clients.changes import LastItems
from streams.clients.latest import decoded_list
from streams.clients.recently import Recently
from streams.contract.messages import RecommendationList


class Selection:
    """Decides record by record, in the order of the topic: not of another customer, no repeat, a change."""

    def __init__(self, key: bytes | None, *, on_change: bool, remembered: int) -> None:
        self._key = key
        self._seen = Recently(remembered)
        self._last = LastItems(remembered) if on_change else None

    def wanted(self, message: Message) -> RecommendationList | None:
        """The list to hand over, or None where there is nothing to hand over."""
        key = message.key()
        if self._key is not None and key != self._key:
            return None
        if message.value() is None:
            self._forget(key)
            return None
        recommended = decoded_list(message)
        if recommended is None or self._seen.has(recommended.list_id):
            return None
        if self._last is not None and not self._last.changed(recommended):
            return None
        return recommended

    def _forget(self, key: bytes | str | None) -> None:
        if self._last is not None and isinstance(key, bytes):
            self._last.forget(key.decode(errors="replace"))
