"""Which records a reader gets to see: of the customer wanted, no repeats, and on request only changes."""

from collections.abc import Iterable
from datetime import UTC, datetime

from confluent_kafka import Message

from streams.clients.selection import Selection
from streams.contract import messages
from streams.contract.messages import Cause, RecommendationList, Recommended

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)


def a_record(cause: str, user_id: str, items: str = "ab") -> Message:
    """A list whose items have one letter each."""
    caused_by = Cause("purchase", cause)
    ranked = [Recommended(rank, item_id, 1 / rank) for rank, item_id in enumerate(items, 1)]
    list_id = messages.list_id(user_id, caused_by)
    made = RecommendationList(list_id, user_id, caused_by, NOW, NOW, "fallback", None, ranked, [], [])
    return Message(key=messages.user_key(user_id), value=messages.encode(made))


def a_tombstone(user_id: str) -> Message:
    return Message(key=messages.user_key(user_id), value=None)


def wanted(selection: Selection, records: Iterable[Message]) -> list[bool]:
    return [selection.wanted(record) is not None for record in records]


def all_lists(*, on_change: bool = False, remembered: int = 100) -> Selection:
    return Selection(None, on_change=on_change, remembered=remembered)


def lists_of(user_id: str, *items: str) -> list[Message]:
    return [a_record(str(number), user_id, some) for number, some in enumerate(items)]


def test_a_list_is_handed_over_whole() -> None:
    record = a_record("e1", "u1")
    assert all_lists().wanted(record) == messages.recommendation_list.decode(record.value() or b"")


def test_other_customers_lists_are_left_out() -> None:
    only_u = Selection(b"u", on_change=False, remembered=100)
    assert wanted(only_u, [a_record("1", "u"), a_record("2", "v"), a_record("3", "u")]) == [True, False, True]


def test_a_repeat_is_left_out_and_a_new_list_with_the_same_items_is_not() -> None:
    assert wanted(all_lists(), [a_record("1", "u"), a_record("1", "u"), a_record("2", "u")]) == [True, False, True]


def test_items_or_their_order_make_a_change() -> None:
    records = lists_of("u", "ab", "ab", "ba", "ba", "bc", "b", "", "")
    assert wanted(all_lists(on_change=True), records) == [True, False, True, False, True, True, True, False]


def test_each_customer_has_changes_of_their_own() -> None:
    records = [a_record(str(number), user) for number, user in enumerate("uvuv")]
    assert wanted(all_lists(on_change=True), records) == [True, True, False, False]


def test_a_customer_who_was_forgotten_gets_a_list_too_many_and_none_too_few() -> None:
    records = [a_record(str(number), user) for number, user in enumerate("uvuwuv")]
    assert wanted(all_lists(on_change=True, remembered=2), records) == [True, True, False, True, False, True]


def test_after_a_list_was_taken_back_the_same_one_is_news() -> None:
    records = [a_record("1", "u"), a_tombstone("u"), a_tombstone("nobody"), a_record("2", "u")]
    assert wanted(all_lists(on_change=True), records) == [True, False, False, True]


def test_a_repeat_after_a_change_is_no_change() -> None:
    """After a crash the worker sends what it had sent: an old list must not look like news."""
    first, second = lists_of("u", "ab", "ba")
    assert wanted(all_lists(on_change=True), [first, second, first, second]) == [True, True, False, False]


def test_who_remembers_nothing_is_handed_everything() -> None:
    records = [a_record("1", "u"), a_record("1", "u"), a_record("2", "u")]
    assert wanted(all_lists(on_change=True, remembered=0), records) == [True, True, True]
