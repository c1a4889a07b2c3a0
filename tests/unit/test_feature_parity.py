"""What the trainer saw is what the worker asks: one user's events through both, compared bit by bit."""

import random
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from serving.features import INPUT_TYPES, SEQUENCE_LENGTH, ModelInputs
from streams.contract import messages
from streams.contract.messages import Line, Purchase, Return
from streams.histories import history, questions
from streams.worker.settings import WorkerSettings
from tests.unit.test_trainer_history import at
from trainer.next_purchase.examples import inputs_of, visible_lines
from trainer.purchase_history import PurchaseHistory, from_log
from trainer.purchases import Moments

ITEMS = [f"item {number}" for number in range(40)]
LATER = 12 * 24 * 3600


def some_events(seed: int, n_orders: int, most_lines: int, *, returns: bool) -> list[Purchase | Return]:
    """One user's year, with what a shop does: odd milliseconds, lines that repeat an item, parts of a unit."""
    chance = random.Random(seed)
    events: list[Purchase | Return] = []
    for number in range(n_orders):
        when = at(number * 9 + chance.random()) + timedelta(microseconds=chance.randrange(10**6))
        lines = [
            Line(chance.choice(ITEMS), chance.choice([1, 3, 0.25, 144]), chance.choice([None, 2.5]))
            for _ in range(chance.randint(1, most_lines))
        ]
        events.append(Purchase(f"order {number}", "u", when, lines))
        if returns and number % 3 == 2:
            back = [Line(lines[0].item_id, 1)]
            events.append(Return(f"return {number}", "u", when + timedelta(days=2), back))
    return events


def by_trainer(learnt: PurchaseHistory, as_of_later: int) -> ModelInputs:
    purchases = learnt.purchases
    n = np.array([len(purchases)])
    moments = Moments(purchases, np.zeros(1, np.int32), n, purchases.at[-1:] + as_of_later, n)
    return inputs_of(visible_lines(purchases), moments, purchases.vocabulary_size)


def by_worker(events: Sequence[Purchase | Return], learnt: PurchaseHistory, as_of_later: int) -> ModelInputs:
    """By way of the bytes that the worker keeps."""
    state = None
    for offset, event in enumerate(events):
        change = history.apply(history.decode(state), event, offset, WorkerSettings().history_lines)
        state = history.encode(change.history)
    kept = history.decode(state)
    as_of = [kept.orders[-1].occurred_at // 1000 + as_of_later] if as_of_later else None
    return questions.inputs_of([kept], learnt.vocabulary, as_of)


@pytest.mark.parametrize("as_of_later", [0, LATER])
@pytest.mark.parametrize(
    ("n_orders", "most_lines", "returns"),
    [(1, 5, False), (12, 9, True), (60, 40, False), (2, 250, False), (3, 600, False)],
)
def test_worker_and_trainer_make_the_same_inputs_of_the_same_events(
    n_orders: int, most_lines: int, returns: bool, as_of_later: int
) -> None:
    for seed in range(5):
        events = some_events(seed, n_orders, most_lines, returns=returns)
        learnt = from_log({messages.log_key("u", event.event_id): messages.encode(event) for event in events})
        expected, found = by_trainer(learnt, as_of_later), by_worker(events, learnt, as_of_later)
        for name, dtype in INPUT_TYPES.items():
            assert found[name].dtype == dtype
            assert found[name].tobytes() == expected[name].tobytes()


def test_what_came_back_leaves_the_worker_with_the_newest_part_of_what_the_trainer_saw() -> None:
    """The worker has forgotten lines beyond its cap by then, and older ones do not come up again in their place."""
    for seed in range(5):
        events = some_events(seed, n_orders=60, most_lines=40, returns=True)
        learnt = from_log({messages.log_key("u", event.event_id): messages.encode(event) for event in events})
        expected, found = by_trainer(learnt, 0), by_worker(events, learnt, 0)
        n_kept = np.count_nonzero(found["item_index"])
        assert n_kept > SEQUENCE_LENGTH / 2
        for name in INPUT_TYPES:
            np.testing.assert_array_equal(found[name][0, -n_kept:], expected[name][0, -n_kept:])
