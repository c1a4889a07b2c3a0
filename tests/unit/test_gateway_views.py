"""What the gateway makes of the records on the topics."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Literal

import pytest
from confluent_kafka import Message

from streams.contract import messages, topics
from streams.contract.messages import Cause, Event, Item, Line, Purchase, RecommendationList, Return
from streams.contract.topics import Topic
from streams.gateway.broadcast import Broadcast, RecentLists
from streams.gateway.problems import Problem
from streams.gateway.recommendations import followed, list_after
from streams.gateway.store import Store
from streams.gateway.views import Views, change_of
from streams.histories import history
from streams.histories.history import History
from streams.histories.purchase_log import SOURCE_OFFSET

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
MAX_LINES = 4


class Topics:
    """Takes records as the gateway's reader does."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def put(self, topic: Topic, key: bytes, value: bytes | None, source_offset: int | None = None) -> None:
        headers: dict[str, str | bytes | None] = {} if source_offset is None else {SOURCE_OFFSET: b"%d" % source_offset}
        message = Message(key=key, value=value, headers=headers)
        self._store.write([change_of(topic, message)], {})

    def log(self, event: Event, source_offset: int | None) -> None:
        key = messages.log_key(event.user_id, event.event_id)
        self.put(topics.PURCHASE_LOG, key, messages.encode(event), source_offset)

    def stand(self, made: RecommendationList) -> None:
        self.put(topics.RECOMMENDATIONS, messages.user_key(made.user_id), messages.encode(made))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def views(store: Store) -> Views:
    return Views(store, MAX_LINES)


@pytest.fixture
def happened(store: Store) -> Topics:
    return Topics(store)


def purchase(event_id: str, *item_ids: str, user_id: str = "u", days: int = 0) -> Purchase:
    return Purchase(event_id, user_id, NOW + timedelta(days=days), [Line(item_id) for item_id in item_ids])


def a_list(event_id: str, user_id: str = "u", cause: Literal["purchase", "model"] = "purchase") -> RecommendationList:
    made_by = Cause(cause, event_id)
    return RecommendationList(
        messages.list_id(user_id, made_by), user_id, made_by, NOW, NOW, "fallback", None, [], [], []
    )  # fmt: skip


def test_a_history_is_the_workers_whatever_order_the_log_is_in(views: Views, happened: Topics) -> None:
    events: list[Purchase | Return] = [
        purchase("z", "a", "b"),
        purchase("y", "c", "d", days=-1),
        Return("x", "u", NOW, [Line("a")]),
        purchase("w", "a", days=2),
    ]
    workers = History()
    for offset, event in enumerate(events):
        workers = history.apply(workers, event, offset, MAX_LINES).history
        happened.log(event, offset)
    assert views.history("u") == workers
    assert [order.item_ids for order in workers.orders] == [["c", "d"], ["b"], ["a"]]


def test_nothing_of_another_user_or_of_a_record_without_a_place_is_in_a_history(views: Views, happened: Topics) -> None:
    for number, user_id in enumerate(['u"', "u", "uu", '["u"', "U"]):
        happened.log(purchase(f"e{number}", user_id, user_id=user_id), number)
    happened.log(purchase("stray", "x"), None)
    assert [order.item_ids for order in views.history("u").orders] == [["u"]]
    assert views.source_offset("u", "e1") == 1
    assert views.source_offset("u", "stray") is None
    assert views.history("nobody") == History()


def test_a_tombstone_takes_back_what_it_names(views: Views, happened: Topics) -> None:
    happened.log(purchase("e", "a"), 1)
    happened.stand(a_list("e"))
    happened.put(topics.PURCHASE_LOG, messages.log_key("u", "e"), None)
    happened.put(topics.RECOMMENDATIONS, b"u", None)
    assert views.history("u") == History()
    assert views.standing_list("u") is None


@pytest.mark.parametrize("value", [b"", b"\xff", b"{}", b"[" * 10_000, b'{"list_id": 1}'])
def test_a_record_that_is_no_list_is_as_if_there_were_none(views: Views, happened: Topics, value: bytes) -> None:
    happened.put(topics.RECOMMENDATIONS, b"u", value)
    assert views.standing_list("u") is None


def test_what_the_shop_says_of_an_item_counts_and_an_item_it_never_named_may_be_sold(
    views: Views, happened: Topics
) -> None:
    happened.put(topics.ITEMS, b"a", messages.encode(Item("a", "Socks 🧦", available=False)))
    assert (views.title("a"), views.is_available("a")) == ("Socks 🧦", False)
    assert (views.title("b"), views.is_available("b")) == ("", True)


@pytest.mark.parametrize("value", [b"junk", b'{"item_id":"b"}', b'{"item_id":"a","available":"false"}'])
def test_an_item_whose_record_cannot_be_believed_is_not_available(views: Views, happened: Topics, value: bytes) -> None:
    happened.put(topics.ITEMS, b"a", value)
    assert not views.is_available("a")


def test_a_list_that_was_replaced_by_a_later_event_is_answered_by_that_one(views: Views, happened: Topics) -> None:
    recent = RecentLists()
    for offset, event_id in enumerate(["first", "second", "third"]):
        happened.log(purchase(event_id, "a", days=offset), offset)
    happened.stand(a_list("second"))
    assert list_after(views, recent, "u", "first") == a_list("second")
    assert list_after(views, recent, "u", "second") == a_list("second")
    assert list_after(views, recent, "u", "third") is None, "its list has not come yet"
    assert list_after(views, recent, "u", "fourth") is None, "nobody has accepted it"
    recent.add(a_list("first"))
    assert list_after(views, recent, "u", "first") == a_list("first")


async def test_a_list_is_waited_for_until_its_purchase_is_in_the_history(views: Views, happened: Topics) -> None:
    happened.stand(a_list("e"))
    waiting = asyncio.ensure_future(followed(views, Broadcast(queue_size=10), "u", "e", timeout_s=60))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    with pytest.raises(Problem):
        await followed(views, Broadcast(queue_size=10), "u", "e", timeout_s=0.01)
    happened.log(purchase("e", "a"), 1)
    assert await waiting == a_list("e")


async def test_a_list_of_a_refresh_is_there_at_once_since_no_history_holds_one(views: Views, happened: Topics) -> None:
    refreshed = a_list("r", cause="model")
    happened.stand(refreshed)
    assert await followed(views, Broadcast(queue_size=10), "u", "r", timeout_s=1) == refreshed
