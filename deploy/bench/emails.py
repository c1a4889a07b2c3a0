"""How many decisions about emails one core makes: all that is done for each, but for Kafka and SMTP."""

import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from streams.contract import messages, topics
from streams.contract.email_messages import Customer
from streams.contract.messages import Cause, Item, ModelRef, RecommendationList, Recommended
from streams.emails.desk import Desk
from streams.emails.intake import Arrived, Intake
from streams.emails.links import Links
from streams.emails.message import Composer
from streams.emails.rules import Control, Limits, Rules, Sending, Timing
from streams.emails.settings import EmailSettings
from streams.emails.state import State, opened

NOON = datetime(2011, 11, 9, 12, tzinfo=UTC)
K = 5
N_ITEMS = 1_000
AT_ONCE = 64

RULES = Rules(
    Sending(
        "The Shop",
        "The Shop <news@shop.example>",
        "https://shop.example/emails/click",
        "https://shop.example/emails/unsubscribe",
        "https://shop.example/products/{item_id}",
    ),
    timing=Timing(wait_after_purchase_hours=0, merge_hours=0),
    limits=Limits(bought_days=0),
    control=Control(share=0),
)


class Measured(NamedTuple):
    """How long each part took for so many decisions, and how much of it the processor was at work, in seconds.

    The rest is waiting for the disk, or for others who use the processor.
    """

    decisions: int
    intake_s: float
    deciding_s: float
    noting_s: float
    cpu_s: float

    @property
    def seconds(self) -> float:
        return self.intake_s + self.deciding_s + self.noting_s


def measured(customers: int) -> Measured:
    """Take in a list for each customer, decide about all, write every letter, and note each as sent."""
    with tempfile.TemporaryDirectory(prefix="nextup-bench-") as folder, opened(Path(folder)) as state:
        began, cpu_began = time.perf_counter(), time.process_time()
        _take_in(state, customers)
        intake_s = time.perf_counter() - began
        decisions, deciding_s, noting_s = _decide(state)
        return Measured(decisions, intake_s, deciding_s, noting_s, time.process_time() - cpu_began)


def _take_in(state: State, customers: int) -> None:
    intake = Intake(RULES, lambda: NOON)
    records = list(_records(customers))
    for start in range(0, len(records), 1_000):
        step = state.step()
        intake.take(step, records[start : start + 1_000])
        step.write()


def _decide(state: State) -> tuple[int, float, float]:
    desk = Desk(state, RULES, EmailSettings(), lambda: NOON)
    composer = Composer(RULES.sending, Links(b"a secret of the bench", RULES.sending))
    decisions, deciding_s, noting_s, began = 0, 0.0, 0.0, time.perf_counter()
    while parcels := desk.due(AT_ONCE):
        for parcel in parcels:
            composer.letter(parcel, NOON)
        decided = time.perf_counter()
        for parcel in parcels:
            desk.handing_over(parcel)
            desk.sent(parcel)
        deciding_s, noting_s = deciding_s + decided - began, noting_s + time.perf_counter() - decided
        decisions, began = decisions + len(parcels), time.perf_counter()
    return decisions, deciding_s, noting_s


def _records(customers: int) -> Iterator[Arrived]:
    for number in range(N_ITEMS):
        item = Item(f"item-{number}", f"Product number {number} of the shop")
        yield Arrived(topics.ITEMS, 0, number, NOON, item.item_id.encode(), messages.encode(item))
    for offset in range(customers):
        user_id = f"customer-{offset}"
        customer = Customer(user_id, f"{user_id}@mail.example", "Europe/London")
        made = messages.encode(_list(user_id, offset))
        yield Arrived(topics.CUSTOMERS, 0, offset, NOON, user_id.encode(), messages.encode(customer))
        yield Arrived(topics.RECOMMENDATIONS, 0, offset, NOON, user_id.encode(), made)


def _list(user_id: str, number: int) -> RecommendationList:
    items = [f"item-{(number * 7 + rank) % N_ITEMS}" for rank in range(K)]
    cause = Cause("purchase", f"order-{number}")
    return RecommendationList(
        messages.list_id(user_id, cause), user_id, cause, NOON, NOON, "model", ModelRef("next-purchase", 1),
        [Recommended(rank, item, 1 / rank, [items[0]]) for rank, item in enumerate(items, 1)], items, [],
    )  # fmt: skip
