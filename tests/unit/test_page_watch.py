"""What the page knows of the topics, told record by record."""

from datetime import UTC, datetime

from confluent_kafka import Message

from streams.contract import messages
from streams.contract.messages import (
    Cause,
    Item,
    Line,
    ModelVersion,
    Purchase,
    RecommendationList,
    WorkerState,
)
from streams.page.watch import LETTERS, RECENT_CUSTOMERS, Watch

AT = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
START = 1_000_000.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def record(
    value: bytes | None, at: float, key: bytes = b"anna", headers: list[tuple[str, str | bytes | None]] | None = None
) -> Message:
    return Message(key=key, value=value, headers=headers, timestamp=(1, round(at * 1000)))


def bought(event_id: str, at: float, user_id: str = "anna") -> Message:
    return record(messages.encode(Purchase(event_id, user_id, AT, [Line("mug")])), at)


def listed(event_id: str, at: float, user_id: str = "anna") -> Message:
    made = RecommendationList(
        f"list-{event_id}", user_id, Cause("purchase", event_id), AT, AT, "fallback", None, [], [], []
    )
    return record(messages.encode(made), at)


def watching() -> tuple[Watch, Clock]:
    clock = Clock()
    return Watch("next-purchase", clock), clock


def test_a_list_is_timed_from_the_publish_call_until_it_is_here() -> None:
    watch, clock = watching()
    watch.begin()
    watch.told("purchases", bought("e1", START + 1.0))
    clock.now = START + 1.25
    watch.told("recommendations", listed("e1", START + 1.2))
    clock.now = START + 3
    board = watch.board()
    assert board.overall.p50 == 250.0
    assert sum(board.purchases) == sum(board.lists) == 1


def test_what_was_there_at_the_start_is_neither_counted_nor_timed() -> None:
    watch, clock = watching()
    watch.told("purchases", bought("e1", START - 1))
    watch.told("recommendations", listed("e1", START - 0.5))
    watch.begin()
    clock.now = START + 3
    board = watch.board()
    assert board.overall.p50 is None
    assert sum(board.purchases) == sum(board.lists) == 0
    assert board.recent == ["anna"], "but who bought last is known"


def test_the_customers_who_got_a_list_last_come_first_each_once() -> None:
    watch, _ = watching()
    for number in range(RECENT_CUSTOMERS + 3):
        watch.told("recommendations", listed(f"e{number}", START, f"user-{number}"))
    watch.told("recommendations", listed("again", START, f"user-{RECENT_CUSTOMERS}"))
    recent = watch.board().recent
    assert recent[0] == f"user-{RECENT_CUSTOMERS}"
    assert len(recent) == len(set(recent)) == RECENT_CUSTOMERS


def test_a_customer_who_is_erased_is_shown_no_more() -> None:
    watch, _ = watching()
    watch.told("recommendations", listed("e1", START))
    watch.told("recommendations", record(None, START))
    assert watch.board().recent == []


def test_records_of_others_are_passed_over() -> None:
    watch, _ = watching()
    watch.begin()
    for topic in ("purchases", "purchase-log", "recommendations", "recommendation-outcomes", "items", "model-versions"):
        for value in (b"", b"\xff", b"[1]", b'{"type": "x"}', b"[" * 5000):
            watch.told(topic, record(value, START + 1, key=b"next-purchase"))
    assert watch.board().serving is None


def test_the_version_that_serves_is_that_of_our_model() -> None:
    watch, _ = watching()
    announced = ModelVersion("next-purchase", 4, AT, "test", AT, AT, 1, {})
    watch.told("model-versions", record(messages.encode(announced), START, key=b"next-purchase"))
    watch.told("model-versions", record(b"{}", START, key=b"another-model"))
    assert watch.board().serving == announced


def test_the_newest_dead_letters_are_kept_and_all_are_counted() -> None:
    watch, _ = watching()
    for number in range(LETTERS + 2):
        about = {"error.class": "malformed", "error.text": f"<b>{number}</b>\u202e", "source.topic": "purchases"}
        watch.told("dead-letters", record(b"?", START, headers=[(name, text.encode()) for name, text in about.items()]))
    watch.told("dead-letters", record(b"?", START))
    board = watch.board()
    assert board.n_letters == LETTERS + 3
    assert [letter.reason for letter in board.letters] == ["unknown", *["malformed"] * (LETTERS - 1)]
    assert board.letters[1].text == f"<b>{LETTERS + 1}</b>"


def test_a_purchase_makes_its_product_known_and_moves_the_shops_time() -> None:
    watch, _ = watching()
    watch.told("items", record(messages.encode(Item("mug", title="Red mug")), START, key=b"mug"))
    watch.told("purchase-log", bought("e1", START))
    assert watch.shop_at == AT
    assert watch.board().popular == [Item("mug", title="Red mug")]
    assert watch.search("red") == [Item("mug", title="Red mug")]


def test_workers_are_heard_by_the_time_at_which_they_told() -> None:
    watch, _ = watching()
    state = messages.encode(WorkerState("w", AT, 1, None, []))
    watch.told("worker-states", record(state, START))
    watch.told("worker-states", record(state, START - 5))
    assert watch.board().workers_told_at == datetime.fromtimestamp(START, UTC)
