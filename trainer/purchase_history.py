"""The compacted log into columns: every line that was bought and kept, by time.

The log holds each accepted event once, under its key. It says nothing about the order of a user's events, so they
are put in the order of `occurred_at` and then `event_id`, which is the order that the worker keeps.
"""

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import msgspec

from serving.vocabulary import Vocabulary
from streams.contract.connection import KafkaConnection
from streams.contract.errors import InvalidEvent
from streams.contract.messages import Purchase, Return, decode_event, log_key, user_key
from trainer.column_files import LineFile
from trainer.kept_orders import UserEvent, kept_orders
from trainer.log_store import LogStore
from trainer.progress import Progress
from trainer.purchases import Purchases


class PurchaseHistory(NamedTuple):
    """What the shop's customers bought and did not bring back."""

    purchases: Purchases
    n_events: int
    """Purchases and returns that were read."""
    n_unreadable: int = 0
    """Records of the log that are neither, and were left out."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The items by their index in `purchases`."""
        return Vocabulary(self.purchases.item_ids)

    @property
    def n_orders(self) -> int:
        """How many purchases there are of which something is left."""
        return len(self.purchases.order_starts)


def read(connection: KafkaConnection, progress: Progress) -> PurchaseHistory:
    """The whole log as of now, by way of a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="nextup-") as folder, LogStore(Path(folder) / "log") as store:
        store.catch_up(connection, progress)
        return from_records(store.records(), Path(folder))


def from_log(log: Mapping[bytes, bytes]) -> PurchaseHistory:
    """The columns of what the log holds under its keys; NotEnoughData where it holds no purchase."""
    with TemporaryDirectory(prefix="nextup-") as folder:
        return from_records(sorted(log.items()), Path(folder))


def from_records(
    records: Iterable[tuple[bytes, bytes]], folder: Path, most_lines: int | None = None
) -> PurchaseHistory:
    """The columns, kept in `folder`, of log records in the order of their keys: each key once.

    Of a log of more than `most_lines` lines the newest are kept. NotEnoughData where there is no purchase.
    The columns can be read as long as nobody else writes to the folder, even if it is removed.
    """
    counts = _Counts()
    with LineFile(folder) as lines:
        for user_id, events in itertools.groupby(_events(records, counts), attrgetter("user_id")):
            orders = kept_orders(events)
            if orders:
                lines.add(user_id, orders)
        return PurchaseHistory(lines.by_time(most_lines), counts.events, counts.unreadable)


@dataclass
class _Counts:
    """What came by."""

    events: int = 0
    unreadable: int = 0


def _events(records: Iterable[tuple[bytes, bytes]], counts: _Counts) -> Iterator[UserEvent]:
    """Purchases and returns; those of one user come together, as their keys begin alike."""
    now = datetime.now(UTC)
    for key, value in records:
        try:
            event = _decode(key, value, now)
        except InvalidEvent:
            counts.unreadable += 1
        else:
            counts.events += 1
            yield event


def _decode(key: bytes, value: bytes, now: datetime) -> UserEvent:
    try:
        user_id, event_id = msgspec.json.decode(key, type=tuple[str, str])
    except msgspec.MsgspecError as error:
        raise InvalidEvent("malformed", f"the log key {key!r} is not [user_id, event_id]: {error}", "key") from None
    if key != log_key(user_id, event_id):
        raise InvalidEvent("malformed", f"the log key {key!r} is not written as the worker writes it", "key")
    event = decode_event(user_key(user_id), value, now)
    if not isinstance(event, Purchase | Return):
        raise InvalidEvent("unknown-type", "the log holds purchases and returns alone", "type")
    return event
