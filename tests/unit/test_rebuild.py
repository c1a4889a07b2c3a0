"""The state made from the log is the one that the events led to, whatever order the log is read in."""

import random
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.contract import messages
from streams.contract.messages import Erasure, Line, Purchase, Return
from streams.histories import history
from streams.histories.history import History
from streams.histories.purchase_log import LogRecord
from streams.worker import rebuild
from streams.worker.batch import Record, StateTable
from streams.worker.rebuild import Differences

START = datetime(2011, 12, 9, tzinfo=UTC)
MAX_LINES = 5
TABLE = StateTable("histories", "changelog", newest_only=True)

lines = st.lists(st.builds(Line, st.sampled_from("abc"), st.integers(1, 3)), min_size=1, max_size=3)
moments = st.integers(0, 20).map(lambda minute: START + timedelta(minutes=minute))
users = st.sampled_from(["u", "v", 'quoted "w"', "u, too"])
ids = st.integers(0, 30).map("e{}".format)
events = st.one_of(
    st.builds(Purchase, ids, users, moments, lines),
    st.builds(Return, ids, users, moments, lines),
    st.builds(Erasure, ids, users, moments),
)


def log_of(happened: list[messages.Deed]) -> tuple[dict[bytes, LogRecord], dict[bytes, bytes]]:
    """What the rules say: the log that the events leave, and the histories at the end."""
    log: dict[bytes, LogRecord] = {}
    histories: dict[str, History] = {}
    for offset, event in enumerate(happened):
        if isinstance(event, Erasure):
            histories.pop(event.user_id, None)
            prefix = messages.log_key_prefix(event.user_id)
            log = {key: record for key, record in log.items() if not key.startswith(prefix)}
            continue
        key = messages.log_key(event.user_id, event.event_id)
        if key not in log:
            log[key] = LogRecord(offset, messages.encode(event))
            before = histories.get(event.user_id, History())
            histories[event.user_id] = history.apply(before, event, offset, MAX_LINES).history
    return log, {messages.user_key(user): history.encode(past) for user, past in histories.items()}


@given(st.lists(events, max_size=40), st.randoms(use_true_random=False))
def test_the_log_in_any_order_gives_the_histories_byte_for_byte(
    happened: list[messages.Deed], chance: random.Random
) -> None:
    log, histories = log_of(happened)
    shuffled = list(log.items())
    chance.shuffle(shuffled)
    made = rebuild.from_log(dict(shuffled), MAX_LINES)
    assert made.histories == histories
    assert made.known_events == {key: b"%d" % (record.source_offset or 0) for key, record in log.items()}
    assert made.n_unusable == 0


def test_records_that_do_not_say_where_they_stood_or_whose_they_are_are_left_out_and_counted() -> None:
    value = messages.encode(Purchase("e", "u", START, [Line("a")]))
    log = {
        messages.log_key("u", "e"): LogRecord(None, value),
        b"\xff": LogRecord(1, value),
        b'["u"]': LogRecord(2, value),
        messages.log_key("v", "broken"): LogRecord(3, b"{"),
        messages.log_key("w", "erasure"): LogRecord(4, messages.encode(Erasure("erasure", "w", START))),
    }
    made = rebuild.from_log(log, MAX_LINES)
    assert (made.histories, made.known_events, made.n_unusable) == ({}, {}, 5)


def test_the_differences_of_two_tables_are_named_by_kind() -> None:
    found = rebuild.differences({b"a": b"1", b"b": b"2", b"c": b"3"}, {b"a": b"1", b"b": b"X", b"d": b"4"})
    assert found == Differences(1, different=[b"b"], missing=[b"c"], extra=[b"d"])


def test_corrections_make_the_running_table_the_one_made_anew() -> None:
    made, running = {b"a": b"1", b"b": b"2", b"c": b"3"}, {b"a": b"1", b"b": b"X", b"d": b"4"}
    records = rebuild.corrections(TABLE, 3, made, rebuild.differences(made, running))
    assert records == [
        Record("changelog", 3, b"b", b"2"),
        Record("changelog", 3, b"c", b"3"),
        Record("changelog", 3, b"d", None),
    ]
