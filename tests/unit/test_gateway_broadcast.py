"""Who hears of which list, and what it costs when somebody does not listen."""

import asyncio
from datetime import UTC, datetime

import pytest

from streams.contract import messages
from streams.contract.messages import Cause, RecommendationList
from streams.contract.reading import Span
from streams.gateway import broadcast, positions, replay, server_sent
from streams.gateway.broadcast import Arrival, FellBehind, Listening, RecentLists
from streams.gateway.metrics import Metrics
from streams.gateway.stream import as_they_come

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def a_list(event_id: str, user_id: str = "u") -> RecommendationList:
    cause = Cause("purchase", event_id)
    return RecommendationList(
        messages.list_id(user_id, cause), user_id, cause, NOW, NOW, "fallback", None, [], [], []
    )  # fmt: skip


def an_arrival(event_id: str) -> Arrival:
    return Arrival(a_list(event_id), event_id.encode())


async def test_a_listener_gets_what_came_in_order_and_no_more_than_it_asks_for() -> None:
    listener = Listening(10, {})
    for event_id in "abc":
        listener.put(an_arrival(event_id))
    assert [each.server_sent for each in await listener.next(2)] == [b"a", b"b"]
    assert [each.server_sent for each in await listener.next(2)] == [b"c"]
    waiting = asyncio.ensure_future(listener.next(2))
    await asyncio.sleep(0)
    assert not waiting.done()
    listener.put(an_arrival("d"))
    assert [each.server_sent for each in await waiting] == [b"d"]


async def test_a_listener_that_takes_nothing_holds_no_more_than_its_queue_and_is_told() -> None:
    listener = Listening(100, {})
    sizes = set()
    for number in range(1_000):
        listener.put(an_arrival(str(number)))
        sizes.add(len(listener))
    assert max(sizes) == 100
    assert len(listener) == 0
    with pytest.raises(FellBehind):
        await listener.next(1)


async def test_a_stream_of_a_reader_that_fell_behind_ends_with_the_reason() -> None:
    listener = Listening(2, {})
    stream = as_they_come(listener, Metrics())
    for event_id in "ab":
        listener.put(an_arrival(event_id))
    assert await anext(stream) == b"ab"
    for event_id in "cde":
        listener.put(an_arrival(event_id))
    assert [each async for each in stream] == [server_sent.fell_behind()]
    assert server_sent.fell_behind().startswith(b"event: end\n")


def test_the_lists_that_an_event_made_are_remembered_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broadcast, "REMEMBERED_USERS", 2)
    recent = RecentLists()
    for number in range(broadcast.REMEMBERED_LISTS + 1):
        recent.add(a_list(f"e{number}"))
    assert recent.after("u", "e0") is None
    assert recent.after("u", "e1") == a_list("e1")
    recent.add(a_list("f", "v"))
    recent.add(a_list("e", "u"))
    recent.add(a_list("g", "w"))
    assert recent.after("v", "f") is None, "v got a list longest ago"
    assert recent.after("u", "e") == a_list("e")
    recent.forget("u")
    recent.forget("nobody")
    assert recent.after("u", "e") is None


def test_a_list_is_one_event_whose_data_is_one_line() -> None:
    made = a_list("line\nbreak", "<b>مرحبا</b> 🛒")
    lines = server_sent.list_event(made, {0: 3, 1: 0}).decode().split("\n")
    assert lines[:2] == ["event: list", "id: 0-3.1-0"]
    assert messages.recommendation_list.decode(lines[2].removeprefix("data: ").encode()) == made
    assert lines[3:] == ["", ""]


@pytest.mark.parametrize(
    "text", ["", "a", "0", "0-", "0-1.", "0-1,1-2", "0-1 ", "٠-١", "0-" + "9" * 20, "-1-1", "0-1\n"]
)
def test_an_id_that_is_none_of_ours_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not the id"):
        positions.read(text)


def test_what_a_reader_missed_lies_between_the_two_positions() -> None:
    since = {0: 5, 1: 7, 2: 9, 7: 1}
    until = {0: 8, 1: 7, 2: 3, 3: 4}
    assert replay.missed("lists", since, until) == [Span("lists", 0, 5, 8)]
