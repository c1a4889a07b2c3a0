"""What happens to an event: decoded, put into its user's history, asked about, answered with a list.

The handler of the durable agent, and the only place that knows the whole way. Every step of it lives in
a file of its own: `streams.contract.messages`, `history`, `answering`, `recommend`, `shadow_lists`,
`dead_letters`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeAlias

from serving.fallback import RecentPopularity
from serving.suggestion import Suggestion
from streams.contract import messages
from streams.contract.errors import InvalidEvent
from streams.contract.messages import (
    Cause,
    Erasure,
    ErasureReceipt,
    Purchase,
    RecommendationList,
    Refresh,
    Return,
)
from streams.contract.placement import check_partition
from streams.histories import history
from streams.histories.history import History
from streams.histories.purchase_log import SOURCE_OFFSET
from streams.worker import recommend
from streams.worker.answering import Answer, Answering, Question
from streams.worker.batch import Batch, Record, Slot, SourceRecord, StateTable
from streams.worker.catalogue import Catalogue
from streams.worker.dead_letters import MOST_LETTER_BYTES, dead_letter, reason_of
from streams.worker.metrics import Kind, Metrics
from streams.worker.shadow_lists import ShadowLists
from streams.worker.source_topic import Incarnations

MOST_RECORD_BYTES = 1_040_000
"""A topic takes records of 1,048,588 bytes with all that frames them, unless it is told otherwise."""

Clock: TypeAlias = Callable[[], datetime]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class JourneyTopics(NamedTuple):
    """Where the results go, by full topic name. The standing lists are kept in a table whose changelog
    is the topic that everyone reads, so that publishing a list and remembering it are one record."""

    log: str
    outcomes: str
    dead_letters: str
    receipts: str
    histories: StateTable
    known_events: StateTable
    """Every accepted event, however old: its key in the log to its offset in the source."""
    lists: StateTable
    shadows: StateTable
    """What a challenger would have published, while one is tried in the shadow."""

    @property
    def tables(self) -> tuple[StateTable, ...]:
        """What the worker keeps in RocksDB."""
        return self.histories, self.known_events, self.lists, self.shadows

    @property
    def compacted(self) -> tuple[str, ...]:
        """Topics that keep what a user did until it is taken back."""
        return self.log, self.outcomes, *(table.changelog for table in self.tables)


class Step(NamedTuple):
    """An accepted event that waits for its list."""

    record: SourceRecord
    event: Purchase | Return | Refresh
    history: History
    """As it was right after the event."""
    replayed: bool


class Forgotten(NamedTuple):
    """An erasure, whose turn at the lists comes after the events before it have had theirs."""

    record: SourceRecord
    event: Erasure
    log_keys: Sequence[bytes]
    """Of all events of the user that had been accepted."""
    histories: int


NO_ANSWER = Answer(None, ())


class PurchaseJourney:
    """Handler for `streams.worker.durable_agent`."""

    def __init__(
        self,
        topics: JourneyTopics,
        answering: Answering,
        catalogue: Catalogue,
        popularity: RecentPopularity,
        incarnations: Incarnations,
        *,
        k: int,
        history_lines: int,
        n_partitions: int,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._topics = topics
        self._answering = answering
        self._shadows = ShadowLists(topics.shadows, topics.lists)
        self._catalogue = catalogue
        self._popularity = popularity
        self._incarnations = incarnations
        self._k = k
        self._history_lines = history_lines
        self._n_partitions = n_partitions
        self._clock = clock
        self._metrics = metrics

    async def warm_up(self) -> None:
        """Before the first event."""
        await self._answering.warm_up()

    def largest(self, topic: str) -> int:
        """Dead letters carry records that are themselves too large, and have a limit of their own."""
        return MOST_LETTER_BYTES if topic == self._topics.dead_letters else MOST_RECORD_BYTES

    def decide(self, record: SourceRecord, batch: Batch) -> Step | Forgotten | None:
        """Into the history and the log, or to the dead letters."""
        record = self._incarnations.placed(record, batch)
        try:
            event = messages.decode_event(record.key, record.value, self._clock())
            if not isinstance(event, Erasure):  # the customer is to be forgotten, wherever the request lies
                check_partition(messages.user_key(event.user_id), record.partition, self._n_partitions)
        except InvalidEvent as error:
            self.give_up(record, error, batch)
            return None
        if isinstance(event, Erasure):
            return self._erase(record, event, batch)
        if isinstance(event, Refresh):
            return self._refresh(record, event, batch)
        return self._accept(record, event, batch)

    def give_up(self, record: SourceRecord, error: Exception, batch: Batch) -> None:
        batch.send(dead_letter(self._topics.dead_letters, record, error))
        self._metrics.dead_letter(reason_of(error))

    async def ask(self, steps: Sequence[Step | Forgotten]) -> list[Answer]:
        """All questions of the batch together; erasures have none."""
        waiting = [_question(step) for step in steps if isinstance(step, Step)]
        answers = iter(await self._answering.answers(waiting))
        return [next(answers) if isinstance(step, Step) else NO_ANSWER for step in steps]

    def conclude(self, step: Step | Forgotten, answer: Answer, batch: Batch) -> None:
        """Publish the list, or take it back for an erased user."""
        self._shadows.settle(step.record.partition, batch)
        if isinstance(step, Step):
            self._publish(step, answer, batch)
        else:
            self._acknowledge_erasure(step, batch)

    def _publish(self, step: Step, answer: Answer, batch: Batch) -> None:
        """The list, and what became of the one that stood before."""
        slot = Slot(self._topics.lists, step.record.partition, messages.user_key(step.event.user_id))
        stored = batch.get(slot)
        standing = messages.recommendation_list.decode(stored) if stored else None
        if standing is not None and standing.cause == _cause(step.event):
            # Sent before a crash, and now again: the very same bytes.
            batch.put(slot, stored)
            return
        if standing is not None and isinstance(step.event, Refresh) and standing.as_of > step.event.occurred_at:
            # What stands speaks for a later moment than this one asked for.
            return
        self._send_outcome(step, standing, batch)
        made = self._made(step, answer, standing)
        batch.put(slot, messages.encode(made))
        self._metrics.list_published(answer.model)
        self._shadows.keep(
            made, step.record.partition, answer.in_shadow, lambda found: self._chosen(step, found), batch
        )

    def _made(self, step: Step, answer: Answer, standing: RecommendationList | None) -> RecommendationList:
        return recommend.make_list(
            user_id=step.event.user_id,
            cause=_cause(step.event),
            as_of=_as_of(step),
            active_at=_newest_order(step.history) if isinstance(step.event, Refresh) else None,
            now=self._clock(),
            model=answer.model,
            chosen=self._chosen(step, answer.suggestions),
            standing=standing,
        )

    def _chosen(self, step: Step, suggestions: Sequence[Suggestion]) -> list[Suggestion]:
        """What of it may stand on a list, filled up to its length."""
        return recommend.choose(
            suggestions, lambda: self._answering.fillers(step.history), self._catalogue.is_available, self._k
        )

    def _accept(self, record: SourceRecord, event: Purchase | Return, batch: Batch) -> Step | None:
        kind: Kind = "purchase" if isinstance(event, Purchase) else "return"
        if self._is_repeat(record, event, batch):
            self._metrics.event(kind, "repeated")
            return None
        slot = Slot(self._topics.histories, record.partition, messages.user_key(event.user_id))
        change = history.apply(history.decode(batch.get(slot)), event, record.position, self._history_lines)
        batch.put(slot, history.encode(change.history))
        self._log(record, event, batch)
        if not change.replayed and isinstance(event, Purchase):
            self._count(event)
        self._metrics.event(kind, "replayed" if change.replayed else "applied")
        return Step(record, event, history.as_it_was(change.history, record.position), change.replayed)

    def _refresh(self, record: SourceRecord, event: Refresh, batch: Batch) -> Step | None:
        """A list as of a later moment, from the history as it is; nothing where there is none."""
        slot = Slot(self._topics.histories, record.partition, messages.user_key(event.user_id))
        past = history.as_it_was(history.decode(batch.get(slot)), record.position)
        if not past.orders or event.occurred_at < _newest_order(past):
            self._metrics.event("refresh", "pointless")
            return None
        self._metrics.event("refresh", "applied")
        return Step(record, event, past, replayed=False)

    def _is_repeat(self, record: SourceRecord, event: Purchase | Return, batch: Batch) -> bool:
        """Whether the shop sent the event before, in another record: then it changes nothing at all."""
        known_at = batch.get(self._known(record, messages.log_key(event.user_id, event.event_id)))
        return known_at is not None and int(known_at) != record.position

    def _log(self, record: SourceRecord, event: Purchase | Return, batch: Batch) -> None:
        """The event as the shop sent it, with the offset that orders it among its user's events."""
        key, offset = messages.log_key(event.user_id, event.event_id), str(record.position).encode()
        batch.put(self._known(record, key), offset)
        batch.send(Record(self._topics.log, record.partition, key, record.value, ((SOURCE_OFFSET, offset),)))

    def _known(self, record: SourceRecord, log_key: bytes) -> Slot:
        return Slot(self._topics.known_events, record.partition, log_key)

    def _count(self, purchase: Purchase) -> None:
        at = purchase.occurred_at.timestamp()
        for line in purchase.items:
            self._popularity.add(line.item_id, at)

    def _erase(self, record: SourceRecord, event: Erasure, batch: Batch) -> Forgotten:
        """Tombstones for the user's history and for every event of the user in the log."""
        log_keys = sorted(
            batch.keys(self._topics.known_events, record.partition, messages.log_key_prefix(event.user_id))
        )
        for key in log_keys:
            batch.put(self._known(record, key), None)
            batch.send(Record(self._topics.log, record.partition, key, None))
        slot = Slot(self._topics.histories, record.partition, messages.user_key(event.user_id))
        had_history = batch.get(slot) is not None
        batch.put(slot, None)
        self._metrics.event("erasure", "applied")
        return Forgotten(record, event, log_keys, int(had_history))

    def _acknowledge_erasure(self, step: Forgotten, batch: Batch) -> None:
        """The list and the outcomes go last, behind those that earlier events were still to have; then the receipt."""
        slot = Slot(self._topics.lists, step.record.partition, messages.user_key(step.event.user_id))
        had_list = batch.get(slot) is not None
        batch.put(slot, None)
        self._shadows.forget(step.record.partition, slot.key, batch)
        for key in step.log_keys:
            batch.send(Record(self._topics.outcomes, step.record.partition, key, None))
        receipt = ErasureReceipt(
            event_id=step.event.event_id,
            erased_at=self._clock(),
            log_records=len(step.log_keys),
            lists=int(had_list),
            histories=step.histories,
        )
        key = step.event.event_id.encode()
        batch.send(Record(self._topics.receipts, step.record.partition, key, messages.encode(receipt)))

    def _send_outcome(self, step: Step, standing: RecommendationList | None, batch: Batch) -> None:
        """Nothing for a first purchase, a return, or a replay whose list already stood."""
        if standing is None or not isinstance(step.event, Purchase):
            return
        if step.replayed and _stood_already(step, standing):
            return
        shadow = self._shadows.judged(step.event, standing, step.record.partition, batch)
        made = recommend.outcome(step.event, standing, shadow)
        self._metrics.judged(made)
        key = messages.log_key(step.event.user_id, step.event.event_id)
        batch.send(Record(self._topics.outcomes, step.record.partition, key, messages.encode(made)))


def _stood_already(step: Step, standing: RecommendationList) -> bool:
    """Whether the standing list was made after this event; it is not among the orders up to the event then.

    A list that was made without an order tells by the moment that it speaks for.
    """
    if standing.cause.type == "model":
        return standing.as_of > step.event.occurred_at
    return standing.cause.event_id not in {order.event_id for order in step.history.orders}


def _cause(event: Purchase | Return | Refresh) -> Cause:
    if isinstance(event, Refresh):
        return Cause("model", event.event_id)
    return Cause("purchase" if isinstance(event, Purchase) else "return", event.event_id)


def _question(step: Step) -> Question:
    """Looked at from the newest order, or from the moment for which a list is refreshed."""
    seen_from = step.event.occurred_at if isinstance(step.event, Refresh) else _newest_order(step.history)
    return Question(step.event.user_id, step.history, int(seen_from.timestamp()))


def _as_of(step: Step) -> datetime:
    """The moment the list speaks for: the newest that is known of the user, also when the event came late."""
    return max(step.event.occurred_at, _newest_order(step.history))


def _newest_order(past: History) -> datetime:
    """When the user last bought what is still kept; 1970 where nothing is."""
    return _EPOCH + timedelta(milliseconds=past.orders[-1].occurred_at if past.orders else 0)
