"""The guard takes back what is clearly worse, and leaves alone what is not."""

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime

import pytest
from confluent_kafka import Producer

from deploy.stack.triton import TritonServer
from streams.contract import messages
from streams.contract.canary import in_canary
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Hit, ModelRef, Outcome
from tests.faults import models
from tests.small_model import NAME
from tests.swaps.conftest import Report
from trainer.announcement import announced
from trainer.errors import ReleaseRefused
from trainer.guard.settings import GuardSettings
from trainer.guard.watch import Guard
from trainer.swaps.swaps import Swaps

CUSTOMERS = 300


def bought(kafka: KafkaConnection, version: Callable[[str], int], hits: Callable[[int, int], bool]) -> None:
    """One outcome of each customer, of a list by the version that answers the customer."""
    producer = Producer(kafka.for_confluent(partitioner="murmur2_random"))
    for number in range(CUSTOMERS):
        user = f"user {number}"
        made_by = version(user)
        found = [Hit("a", 1)] if hits(made_by, number) else []
        model, now = ModelRef(NAME, made_by), datetime.now(UTC)
        outcome = Outcome(user, f"{made_by}", now, "l", "model", model, 1, found, listed_at=now)
        key = messages.log_key(user, outcome.event_id)
        producer.produce(f"{kafka.topic_prefix}recommendation-outcomes", messages.encode(outcome), key)
    assert producer.flush(30) == 0


@pytest.fixture
def guard(kafka: KafkaConnection, server: TritonServer, swaps: Swaps) -> Iterator[Guard]:
    for version in (1, 2):
        models.publish(server, version, shift=version)
    swaps.promote(1, "the first")
    with closing(Guard(kafka, NAME, GuardSettings(), swaps)) as made:
        yield made


def test_a_promoted_version_that_is_clearly_worse_is_rolled_back_and_stays_so(
    kafka: KafkaConnection, swaps: Swaps, guard: Guard, report: Report
) -> None:
    bought(kafka, lambda _user: 1, lambda _version, number: number % 10 < 6)
    swaps.promote(2, "by hand")
    bought(kafka, lambda _user: 2, lambda _version, number: number % 10 < 2)
    (verdict,) = guard.judge_once()
    standing = announced(kafka, NAME)
    report("guard rolls back", told=verdict.told)
    assert standing is not None
    assert (standing.version, standing.instead_of, standing.reason) == (1, 2, verdict.told)
    assert standing.decision is not None
    assert (standing.decision.released, standing.decision.figures) == (False, verdict.figures)
    assert guard.judge_once() == []


def test_a_promoted_version_that_is_about_as_good_stays(kafka: KafkaConnection, swaps: Swaps, guard: Guard) -> None:
    bought(kafka, lambda _user: 1, lambda _version, number: number % 10 < 6)
    swaps.promote(2, "by hand")
    bought(kafka, lambda _user: 2, lambda _version, number: number % 20 < 11)
    (verdict,) = guard.judge_once()
    assert not verdict.is_worse
    assert verdict.version.customers + verdict.other.customers == CUSTOMERS
    standing = announced(kafka, NAME)
    assert standing is not None
    assert standing.version == 2


def test_a_canary_that_is_clearly_worse_is_stopped(kafka: KafkaConnection, swaps: Swaps, guard: Guard) -> None:
    swaps.challenge(2, "canary", 0.3, "tried")
    assert [verdict.is_worse for verdict in guard.judge_once()] == [False]
    bought(
        kafka,
        lambda user: 2 if in_canary(user, 2, 0.3) else 1,
        lambda version, number: number % 10 < (1 if version == 2 else 6),
    )
    (verdict,) = guard.judge_once()
    standing = announced(kafka, NAME)
    assert standing is not None
    assert (standing.version, standing.challenger, standing.reason) == (1, None, verdict.told)
    assert guard.judge_once() == []


def test_what_somebody_else_has_taken_back_meanwhile_is_not_taken_back_twice(
    kafka: KafkaConnection, swaps: Swaps, guard: Guard
) -> None:
    swaps.promote(2, "by hand")
    swaps.rollback("by hand", expected=2)
    with pytest.raises(ReleaseRefused, match="version 2 is no longer the one that answers: 1 is"):
        swaps.rollback("by the guard", expected=2)
    standing = announced(kafka, NAME)
    assert standing is not None
    assert standing.version == 1
    assert guard.judge_once() == []
