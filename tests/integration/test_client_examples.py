"""The examples in the docstrings of the clients, run as they stand."""

import asyncio
import doctest
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import pytest

from streams import clients
from streams.clients import KafkaConnection, publisher, subscriber
from streams.contract.messages import Cause, ModelRef, RecommendationList, Recommended
from tests.integration.test_subscriber import Worker

NOW = datetime(2011, 12, 9, 12, 50, tzinfo=UTC)
STANDING = RecommendationList(
    "5c1",
    "customer-7",
    Cause("purchase", "order-1"),
    NOW,
    NOW,
    "model",
    ModelRef("next-purchase", 1),
    [Recommended(1, "22138", 0.3), Recommended(2, "22139", 0.2)],
    ["22138", "22139"],
    [],
)


def names(kafka: KafkaConnection) -> dict[str, Any]:
    """What the examples use without making it."""
    public = {name: getattr(clients, name) for name in clients.__all__}
    return public | {"kafka": kafka, "asyncio": asyncio, "datetime": datetime, "UTC": UTC}


def examples(module: ModuleType, kafka: KafkaConnection) -> list[doctest.DocTest]:
    found = doctest.DocTestFinder(exclude_empty=True).find(module, extraglobs=names(kafka))
    return [example for example in found if example.examples]


@pytest.mark.parametrize(("module", "at_least"), [(publisher, 2), (subscriber, 3)])
def test_the_examples_do_what_they_say(kafka: KafkaConnection, module: ModuleType, at_least: int) -> None:
    Worker(kafka).send(STANDING)
    found = examples(module, kafka)
    assert len(found) >= at_least
    told: list[str] = []
    for example in found:
        doctest.DocTestRunner(optionflags=doctest.IGNORE_EXCEPTION_DETAIL).run(example, out=told.append)
    assert not told, "".join(told)
