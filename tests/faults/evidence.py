"""What is on the topics after the damage, held against the model."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec
from confluent_kafka import Message

from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList
from streams.contract.reading import read_to_end
from streams.worker.settings import WorkerSettings
from tests.faults.fleet import GROUP
from tests.faults.model import Cause, Model, Published
from tests.integration.workers import records
from tests.small_model import ITEM_IDS, K

HISTORY_LINES = WorkerSettings().history_lines


class Evidence:
    """Everything that the workers have left, and everything they should have."""

    def __init__(self, kafka: KafkaConnection, max_lines: int = HISTORY_LINES) -> None:
        source = records(kafka, topics.PURCHASES)
        self.model = Model(max_lines).take_all(_published(message) for message in source)
        self.n_source = len(source)
        self.log = _newest(records(kafka, topics.PURCHASE_LOG))
        self.changes = list(read_to_end(kafka, f"{kafka.topic_prefix}{GROUP}-histories-changelog"))
        self.dead_letters = {_origin(message) for message in records(kafka, topics.DEAD_LETTERS)}
        self.list_records = records(kafka, topics.RECOMMENDATIONS)
        self.lists = _by_cause(message.value() for message in self.list_records)

    def check(self) -> None:
        """Assert all that must hold after any damage."""
        self.check_log()
        self.check_lists()
        self.check_state()
        self.check_newest_lists()
        assert len(self.dead_letters) == self.model.n_invalid

    def counts(self) -> dict[str, Any]:
        """What is told of any damage, also where the checks fail."""
        return {
            "records": self.n_source,
            "accepted": len(self.model.causes),
            "repeated": self.model.n_repeated,
            "dead_letters": len(self.dead_letters),
            "users": len(self.model.users),
            "changelog_records": len(self.changes),
        } | self.count_lists()

    def check_log(self) -> None:
        """Accepted events = log keys, each as it was sent."""
        expected = {messages.log_key(*ids): value for ids, value in self.model.log().items()}
        assert _differing(self.log, expected) == []

    def check_lists(self) -> None:
        """A list for every cause and none without, whichever attempt: the same id."""
        assert set(self.lists) == set(self.model.causes)
        ids = [{each.list_id for each in attempts} for attempts in self.lists.values()]
        assert all(len(of_one_cause) == 1 for of_one_cause in ids)
        assert len(set.union(*ids)) == len(ids)

    def check_state(self) -> None:
        """The histories, byte for byte."""
        expected = {messages.user_key(name): user.history_bytes() for name, user in self.model.users.items()}
        kept = {key: value for key, value in expected.items() if value is not None}
        assert _differing(_newest(self.changes), kept) == []

    def check_newest_lists(self) -> None:
        """The newest list of each user is that of the user's last event, as the history is now."""
        newest = _newest(self.list_records)
        for name, user in self.model.users.items():
            value = newest.get(messages.user_key(name))
            if user.last_cause is None:
                assert value is None, f"{name} was erased and has a list"
                continue
            made = messages.recommendation_list.decode(value or b"")
            assert _cause(made) == user.last_cause, f"{name}: the list of {made.cause}, not of {user.last_cause}"
            assert made.source == "fallback" or items_of(made) in expected_answers([user.newest_item]), name

    def check_offsets_never_go_back(self) -> None:
        """In the changelog, the histories of a user only ever advance."""
        last: dict[bytes, int] = {}
        for message in self.changes:
            key, value = message.key() or b"", message.value()
            offset = msgspec.msgpack.decode(value)[0] if value else -1
            assert value is None or offset >= last.get(key, -1), f"{key!r} went back from {last[key]} to {offset}"
            last[key] = offset

    def check_nothing_lost_or_stale(self) -> None:
        """The counts of all losses at once, so that a failure is told in one line."""
        told = ", ".join(f"{name}: {count}" for name, count in self.count_losses().items() if count)
        assert told == ""

    def count_losses(self) -> dict[str, int]:
        """What histories and newest lists lack or have too often, counted from the topics alone."""
        histories = _newest(self.changes)
        missing, doubled = [], []
        for name, user in self.model.users.items():
            found = Counter(_order_ids(histories.get(messages.user_key(name))))
            missing.append(sum(order[1] not in found for order in user.orders))
            doubled.append(sum(count - 1 for count in found.values()))
        return {
            "histories_that_lack_purchases": sum(map(bool, missing)),
            "purchases_missing": sum(missing),
            "purchases_doubled": sum(doubled),
            "stale_newest_lists": self._n_stale_newest_lists(),
            "last_offsets_set_back": self._n_set_back(),
        }

    def _n_stale_newest_lists(self) -> int:
        newest = _newest(self.list_records)
        found = {name: newest.get(messages.user_key(name)) for name in self.model.users}
        made = {name: _cause(messages.recommendation_list.decode(value)) for name, value in found.items() if value}
        return sum(made.get(name) != user.last_cause for name, user in self.model.users.items())

    def _n_set_back(self) -> int:
        """Changelog records whose last offset is lower than that of the record before, of the same user."""
        count, last = 0, dict[bytes, int]()
        for message in self.changes:
            key, value = message.key() or b"", message.value()
            offset = msgspec.msgpack.decode(value)[0] if value else -1
            count += value is not None and offset < last.get(key, -1)
            last[key] = offset
        return count

    def count_lists(self) -> dict[str, Any]:
        """How often lists were made, and how many are not what the model says of the user's history then."""
        made = sum(map(len, self.lists.values()))
        again = [(cause, each) for cause, attempts in self.lists.items() for each in attempts[1:]]
        fallbacks = sum(each.source == "fallback" for attempts in self.lists.values() for each in attempts)
        differ = sum(items_of(each) != items_of(self.lists[cause][0]) for cause, each in again)
        return {
            "lists": made,
            "lists_again": len(again),
            "lists_again_that_differ": differ,
            "lists_unlike_the_history": self.n_unlike_the_history(),
            "fallback_share": round(fallbacks / made, 4),
        }

    def n_unlike_the_history(self, shifts: Iterable[int] = (0,)) -> int:
        """Lists by a model that are not its answer to the user's newest item when the cause came in."""
        shifts = tuple(shifts)
        return sum(
            items_of(each) not in expected_answers(self.model.causes[cause], shifts)
            for cause, attempts in self.lists.items()
            for each in attempts
            if each.source == "model"
        )


def items_of(made: RecommendationList) -> list[str]:
    return [item.item_id for item in made.items]


def expected_answers(newest_items: Iterable[str | None], shifts: Iterable[int] = (0,)) -> list[list[str]]:
    """What `tests.small_model` answers: the items that follow the newest one, its own padding counted."""
    shifts = tuple(shifts)
    return [
        [ITEM_IDS[(2 + ITEM_IDS.index(item) + shift + step) % len(ITEM_IDS)] for step in range(K)]
        for item in newest_items
        if item is not None
        for shift in shifts
    ]


def _published(message: Message) -> Published:
    return Published(message.partition() or 0, message.offset() or 0, message.key(), message.value())


def _newest(found: Iterable[Message]) -> dict[bytes, bytes]:
    """What a compacted topic says: the newest value of each key, tombstones left out."""
    newest = {message.key() or b"": message.value() for message in found}
    return {key: value for key, value in newest.items() if value is not None}


def _order_ids(history: bytes | None) -> list[str]:
    """The event ids of the orders in a history, as it is stored."""
    return [order[1] for order in msgspec.msgpack.decode(history)[1]] if history else []


def _origin(message: Message) -> tuple[object, object]:
    headers = dict(message.headers() or [])
    return headers["source.partition"], headers["source.offset"]


def _by_cause(values: Iterable[bytes | None]) -> dict[Cause, list[RecommendationList]]:
    """All attempts at each list, in the order of the topic."""
    attempts: dict[Cause, list[RecommendationList]] = defaultdict(list)
    for value in values:
        if value is not None:
            made = messages.recommendation_list.decode(value)
            attempts[_cause(made)].append(made)
    return attempts


def _cause(made: RecommendationList) -> Cause:
    return Cause(made.user_id, made.cause.type, made.cause.event_id)


def _differing(
    found: dict[bytes, bytes], expected: dict[bytes, bytes]
) -> list[tuple[bytes, bytes | None, bytes | None]]:
    """The first few entries that are not the same: key, found, expected."""
    keys = sorted(key for key in found.keys() | expected.keys() if found.get(key) != expected.get(key))
    return [(key, found.get(key), expected.get(key)) for key in keys[:3]]
