"""What the gateway knows of users, items and versions: each topic's records as keys of the store, and back."""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from confluent_kafka import Message

from streams.contract import messages, topics
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Item, ModelVersion, RecommendationList
from streams.contract.topics import Topic
from streams.gateway.store import Change, Store
from streams.histories.history import History
from streams.histories.purchase_log import log_record, replay

T = TypeVar("T")

VIEWED = (topics.RECOMMENDATIONS, topics.PURCHASE_LOG, topics.ITEMS, topics.MODEL_VERSIONS)
"""The topics that a view is kept of. Each is compacted: its newest records are all there is to know."""

_OFFSET_BYTES = 8


def change_of(topic: Topic, message: Message) -> Change:
    """What one record of a viewed topic does to the store; a record that is not ours is as if it were not there."""
    key = _key(topic, message.key() or b"")
    if message.value() is None:
        return Change(key, None)
    return Change(key, _logged(message) if topic is topics.PURCHASE_LOG else message.value())


class Views:
    """Reads from the store. Every answer is as of now, and none waits for a server."""

    def __init__(self, store: Store, history_lines: int) -> None:
        """`history_lines` as the workers have it: a history is then what theirs is."""
        self._store = store
        self._history_lines = history_lines

    def standing_list(self, user_id: str) -> RecommendationList | None:
        return self._decoded(topics.RECOMMENDATIONS, messages.user_key(user_id), messages.recommendation_list.decode)

    def item(self, item_id: str) -> Item | None:
        return self._decoded(topics.ITEMS, item_id.encode(), messages.item.decode)

    def title(self, item_id: str) -> str:
        """What the shop calls an item; "" where it has not said."""
        found = self.item(item_id)
        return found.title if found else ""

    def is_available(self, item_id: str) -> bool:
        """Whether an item may be recommended: all may that the shop has not withdrawn.

        As the worker's catalogue has it, one whose record cannot be read, or is another item's, counts as withdrawn.
        """
        key = item_id.encode()
        value = self._store.get(_key(topics.ITEMS, key))
        try:
            return value is None or messages.keyed_item(key, value).available
        except InvalidEvent:
            return False

    def serving_version(self, model_name: str) -> ModelVersion | None:
        return self._decoded(topics.MODEL_VERSIONS, model_name.encode(), messages.model_version.decode)

    def history(self, user_id: str) -> History:
        """The user's orders, without what was returned, capped as the workers cap them."""
        logged = self._store.under(_key(topics.PURCHASE_LOG, messages.log_key_prefix(user_id)))
        events = sorted((_source_offset(value), key, value[_OFFSET_BYTES:]) for key, value in logged)
        return replay(events, self._history_lines).history

    def source_offset(self, user_id: str, event_id: str) -> int | None:
        """Where an accepted event stands among the user's events; None where it was not accepted (yet)."""
        value = self._store.get(_key(topics.PURCHASE_LOG, messages.log_key(user_id, event_id)))
        return None if value is None else _source_offset(value)

    def _decoded(self, topic: Topic, key: bytes, decode: Callable[[bytes], T]) -> T | None:
        value = self._store.get(_key(topic, key))
        try:
            return None if value is None else decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return None


def _key(topic: Topic, key: bytes) -> bytes:
    return topic.name.encode() + b"/" + key


def _logged(message: Message) -> bytes | None:
    """The value of a log record behind its place in `purchases`; None where it does not say where it stood."""
    record = log_record(message)
    if record.source_offset is None:
        return None
    return record.source_offset.to_bytes(_OFFSET_BYTES) + record.value


def _source_offset(value: bytes) -> int:
    return int.from_bytes(value[:_OFFSET_BYTES])
