"""Random sequences of purchase, return, repeat, late event and erasure, against the plain model of the rules."""

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract import messages
from streams.contract.messages import Deed, Erasure, Line, Purchase, Return
from streams.histories import history
from tests.faults.model import Model, Published

START = datetime(2011, 11, 9, tzinfo=UTC)
USER = "u"

LINES = st.lists(
    st.builds(Line, st.sampled_from("abcd"), st.one_of(st.integers(1, 4), st.sampled_from([0.5, 1.5]))),
    min_size=1,
    max_size=4,
)
MOMENTS = st.integers(0, 12).map(lambda minutes: START + timedelta(minutes=minutes, milliseconds=minutes * 7))
IDS = st.integers(0, 30).map(str)
EVENTS = st.lists(
    st.one_of(
        st.builds(Purchase, IDS, st.just(USER), MOMENTS, LINES),
        st.builds(Return, IDS, st.just(USER), MOMENTS, LINES, st.none() | IDS),
        st.builds(Erasure, IDS, st.just(USER), MOMENTS),
    ),
    max_size=40,
)
"""Ids come from a small set, so that events are repeated and returns name orders; so do the moments."""
MAX_LINES = st.integers(1, 12)


class Applied:
    """The pure rules, with what they leave to their caller: which events are known."""

    def __init__(self, max_lines: int) -> None:
        self._max_lines = max_lines
        self._known: dict[str, int] = {}
        self.state: bytes | None = None

    def read(self, events: list[Deed], start: int = 0) -> "Applied":
        """Apply the events that stand at the offsets from `start` on; some may have been applied before."""
        for offset, event in enumerate(events[start:], start):
            if isinstance(event, Erasure):
                self.state = None
                self._known.clear()
            elif self._known.setdefault(event.event_id, offset) == offset:
                change = history.apply(history.decode(self.state), event, offset, self._max_lines)
                self.state = history.encode(change.history)
        return self


def model_of(events: list[Deed], max_lines: int) -> Model:
    key = messages.user_key(USER)
    return Model(max_lines).take_all(
        Published(0, offset, key, messages.encode(event)) for offset, event in enumerate(events)
    )


def expected_state(events: list[Deed], max_lines: int) -> bytes | None:
    user = model_of(events, max_lines).users.get(USER)
    return user.history_bytes() if user else None


@given(EVENTS, MAX_LINES)
def test_the_history_is_that_of_the_model_byte_for_byte(events: list[Deed], max_lines: int) -> None:
    assert Applied(max_lines).read(events).state == expected_state(events, max_lines)


@given(st.lists(st.integers(1, 600), min_size=1, max_size=9), st.sampled_from(["i" * 256, "í" * 128, "短" * 85]))
@settings(max_examples=15, deadline=None)
def test_a_history_of_long_ids_is_capped_by_bytes_as_the_model_says(sizes: list[int], item_id: str) -> None:
    events: list[Deed] = [
        Purchase(f"{number}" * 64, USER, START + timedelta(minutes=number), [Line(item_id)] * size)
        for number, size in enumerate(sizes)
    ]
    state = Applied(5_000).read(events).state
    assert state == expected_state(events, 5_000)
    assert state is not None
    assert len(state) <= history.MAX_BYTES + 64


def test_ids_from_before_they_were_limited_do_not_outgrow_the_changelog() -> None:
    events: list[Deed] = [
        Purchase(f"{number:0256}", USER, START + timedelta(minutes=number), [Line("😀" * 256)]) for number in range(600)
    ]
    state = Applied(512).read(events).state
    assert state is not None
    assert history.MAX_BYTES * 0.9 < len(state) <= history.MAX_BYTES


@given(EVENTS, MAX_LINES, st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=4))
def test_reading_any_parts_again_gives_the_same_bytes(
    events: list[Deed], max_lines: int, cuts: list[tuple[int, int]]
) -> None:
    """Each cut is a crash: what was read up to one offset is read again from an earlier one, and on from there."""
    applied, position = Applied(max_lines), 0
    for first, second in cuts:
        start, stop = sorted((min(first, position), min(second, len(events))))
        applied.read(events[:stop], start)
        position = stop
    applied.read(events, position)
    assert applied.state == expected_state(events, max_lines)


@given(EVENTS, MAX_LINES, st.data())
def test_an_event_that_is_sent_again_changes_nothing(events: list[Deed], max_lines: int, data: st.DataObject) -> None:
    """Wherever it is sent again, as long as no erasure came between."""
    place = data.draw(st.integers(0, len(events)))
    since_erasure = [event for event in _after_last_erasure(events[:place]) if not isinstance(event, Erasure)]
    again = data.draw(st.lists(st.sampled_from(since_erasure), max_size=5)) if since_erasure else []
    before = Applied(max_lines).read(events[:place]).state
    assert Applied(max_lines).read([*events[:place], *again]).state == before


@given(EVENTS, EVENTS, MAX_LINES)
def test_what_comes_after_an_erasure_knows_nothing_of_what_came_before(
    before: list[Deed], after: list[Deed], max_lines: int
) -> None:
    erased = [*before, Erasure("x", USER, START), *after]
    anew = Applied(max_lines).read([*([Erasure("x", USER, START)] * (len(before) + 1)), *after])
    assert Applied(max_lines).read(erased).state == anew.state


def _after_last_erasure(events: list[Deed]) -> list[Deed]:
    newest_first: list[Deed] = []
    for event in reversed(events):
        if isinstance(event, Erasure):
            break
        newest_first.append(event)
    return newest_first[::-1]
