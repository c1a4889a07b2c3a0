"""Fails when Faust changes something that `streams.worker.faust_internals` relies on.

If it does: read the changed method, see whether the worker's assumptions still hold, then put the new
digest here.
"""

import hashlib
import importlib.metadata
import inspect
from collections.abc import Callable
from typing import Any

import pytest
from faust.app.base import App
from faust.stores.rocksdb import Store
from faust.streams import Stream
from faust.tables.base import Collection
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.transport.drivers.aiokafka import Consumer as AIOKafkaConsumer

from streams.worker import faust_internals

RELIED_ON: list[tuple[Callable[..., Any], str]] = [
    (Stream._py_aiter, "3a48ee257a65435b"),
    (Stream.events, "c62f4dd3a73fe7aa"),
    (Stream.ack, "32d7171a89b0931d"),
    (Consumer._drain_messages, "44a2500309e83c63"),
    (Consumer.getmany, "4b168d84882a70d6"),
    (Consumer.perform_seek, "0e8c130ff4b0afd8"),
    (AIOKafkaConsumerThread.seek_to_committed, "775ab0adc4b052ab"),
    (AIOKafkaConsumerThread.seek_to_beginning, "bd4250b8d1e76d33"),
    (AIOKafkaConsumerThread._create_worker_consumer, "c2701bfc3e6f6cad"),
    (Recovery.on_recovery_completed, "6ef567acf072e46d"),
    (Recovery._build_highwaters, "91b4cc0d3724ae7b"),
    (Recovery._wait, "ec7429b70176f8c6"),
    (Recovery.on_rebalance, "aa4d997a1795ceae"),
    (Consumer.verify_all_partitions_active, "4e0e46f5c297305d"),
    (AIOKafkaConsumer.verify_event_path, "a17e8f0610e1abcb"),
    (AIOKafkaConsumer.verify_recovery_event_path, "1159baf5ae110215"),
    (AIOKafkaConsumerThread.highwater, "6f7dbe109ae6807f"),
    (Recovery._resume_streams, "d986a6710c1aca98"),
    (Consumer.track_message, "217d7f1399a4cd8e"),
    (Consumer.wait_first, "feade6a31f8a6789"),
    (Consumer.wait_empty, "e4662fe24f094819"),
    (App._on_partitions_revoked, "d5c895bbe57dc73a"),
    (Store._db_for_partition, "cb7e67d5f9efc4bc"),
    (Store.set_persisted_offset, "b4c811926678346e"),
    (Store.apply_changelog_batch, "ea3344d369fc4ab5"),
    (Store.revoke_partitions, "3f85447a24fc34ff"),
    (Collection.changelog_topic.fget, "3998f703f9143bc2"),
]


def digest(method: Callable[..., Any]) -> str:
    return hashlib.sha256(inspect.getsource(method).encode()).hexdigest()[:16]


def test_the_installed_faust_is_the_one_this_was_written_against() -> None:
    assert importlib.metadata.version("faust-streaming") == faust_internals.FAUST_VERSION


@pytest.mark.parametrize(("method", "expected"), RELIED_ON, ids=lambda value: getattr(value, "__qualname__", ""))
def test_the_method_is_as_it_was_when_this_was_written(method: Callable[..., Any], expected: str) -> None:
    assert digest(method) == expected, f"{method.__qualname__} of Faust has changed, see the top of this file"
