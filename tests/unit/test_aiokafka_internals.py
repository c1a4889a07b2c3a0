"""Fails when aiokafka changes something that `streams.worker.fenced_producer` relies on.

If it does: read the changed method, see whether epochs still reach each batch as that module's docstring says, then
put the new digest here.
"""

import importlib.metadata
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import MessageAccumulator
from aiokafka.producer.sender import InitPIDHandler, Sender, SendProduceReqHandler
from aiokafka.producer.transaction_manager import TransactionManager

from tests.unit.test_faust_internals import digest

RELIED_ON: list[tuple[Callable[..., Any], str]] = [
    (AIOKafkaProducer.__init__, "fd6f2966fb3dc883"),
    (AIOKafkaProducer.start, "bae900a5e83a6d97"),
    (AIOKafkaProducer.send_batch, "bf42b0f0c5c0646d"),
    (MessageAccumulator._pop_batch, "41cc98a298ef2628"),
    (MessageAccumulator.add_batch, "5ed1c5b1367ad854"),
    (MessageAccumulator.create_builder, "13dcd0ebf6b9eb44"),
    (Sender.start, "ef0a0cbbf1f69e7d"),
    (Sender._maybe_wait_for_pid, "577189636b56f6d9"),
    (SendProduceReqHandler.handle_response, "850323cc8f77abc3"),
    (SendProduceReqHandler._can_retry, "7ff5d491d977aacf"),
    (InitPIDHandler.handle_response, "bdb0727aba5de02e"),
    (TransactionManager.sequence_number, "c2b996db50417fee"),
    (TransactionManager.increment_sequence_number, "0fce01d42f0ff3bc"),
    (TransactionManager.set_pid_and_epoch, "1e174622d40d330f"),
]


def test_the_installed_aiokafka_is_the_one_this_was_written_against() -> None:
    assert importlib.metadata.version("aiokafka") == "0.14.0"


@pytest.mark.parametrize(("method", "expected"), RELIED_ON, ids=lambda value: getattr(value, "__qualname__", ""))
def test_the_method_is_as_it_was_when_this_was_written(method: Callable[..., Any], expected: str) -> None:
    assert digest(method) == expected, f"{method.__qualname__} of aiokafka has changed, see the top of this file"
