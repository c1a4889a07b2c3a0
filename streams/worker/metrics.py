"""What a worker counts, for Prometheus to read.

The counts are of this process since its start. An event that is done again after a crash or after its
partition has moved is counted again, so the topics are the truth and these are for watching: rates,
shares, durations. Hit rate and mean reciprocal rank (MRR) of a version are ratios of two counters:

    nextup_judged_hits_total / nextup_judged_purchases_total
    nextup_judged_reciprocal_ranks_total / nextup_judged_purchases_total
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from streams.contract.messages import ModelRef, Outcome

MetricT = TypeVar("MetricT", Counter, Histogram)

Kind: TypeAlias = Literal["purchase", "return", "erasure", "refresh"]
Effect: TypeAlias = Literal["applied", "repeated", "replayed", "pointless"]
"""`repeated`: the shop sent it before, in another record. `replayed`: the same record, done again. `pointless`: a
refresh for who has no history, or whose list is newer."""
Stage: TypeAlias = Literal["decide", "ask", "conclude", "deliver"]

STAGE_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)

NO_VERSION = "none"
"""The version of a list that no model made."""


class Metrics:
    """The counters of one worker. The methods may be called from any thread and do not wait."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._children: dict[tuple[Any, ...], Any] = {}
        ProcessCollector(registry=self._registry)
        self._events = self._counter("events", "Events read, by what they are and what they did.", "kind", "effect")
        self._lists = self._counter("lists", "Lists published, by who made them.", "source", "version")
        self._dead_letters = self._counter("dead_letters", "Events that could not be processed.", "reason")
        self._unanswered = self._counter("unanswered_questions", "Questions that a model did not answer.", "version")
        self._purchases = self._counter("judged_purchases", "Purchases before which a list stood.", "source", "version")
        self._hits = self._counter("judged_hits", "Of these, with a bought item on the list.", "source", "version")
        self._ranks = self._counter(
            "judged_reciprocal_ranks", "Sum of 1/rank of the best bought item.", "source", "version"
        )
        self._left = self._counter(
            "events_left_to_others",
            "Events whose partitions were assigned anew before the events were done.",
        )
        self._batch = self._histogram("batch_events", "Events per batch.", BATCH_SIZES)
        self._stages = self._histogram("stage_seconds", "Time of a batch in a stage.", STAGE_SECONDS, "stage")

    def event(self, kind: Kind, effect: Effect) -> None:
        """An event was decided."""
        self._labelled(self._events, kind, effect).inc()

    def list_published(self, model: ModelRef | None) -> None:
        """A list was made: by a model's version, or by the fallback (None)."""
        self._labelled(self._lists, *_maker(model)).inc()

    def unanswered(self, model: ModelRef, questions: int) -> None:
        """A version, serving or challenging, was late, gone or wrong."""
        self._labelled(self._unanswered, str(model.version)).inc(questions)

    def dead_letter(self, reason: str) -> None:
        """An event went to the dead letters; `reason` is the letter's `error.class`."""
        self._labelled(self._dead_letters, reason).inc()

    def left_to_others(self, events: int) -> None:
        """Events are the work of whoever their partitions belong to now."""
        self._left.inc(events)

    def batch(self, events: int) -> None:
        """A batch was taken."""
        self._batch.observe(events)

    @contextmanager
    def stage(self, name: Stage) -> Iterator[None]:
        """Times the block, also when it raises."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._labelled(self._stages, name).observe(time.perf_counter() - began)

    def judged(self, outcome: Outcome) -> None:
        """A purchase has shown what the list before it was worth."""
        maker = _maker(outcome.model)
        self._labelled(self._purchases, *maker).inc()
        if outcome.hits:
            self._labelled(self._hits, *maker).inc()
            self._labelled(self._ranks, *maker).inc(1 / min(hit.rank for hit in outcome.hits))

    def gauge(self, name: str, meaning: str, read: Callable[[], float]) -> None:
        """A number that is read whenever the page is, in the thread that serves it."""
        Gauge(f"nextup_{name}", meaning, registry=self._registry).set_function(read)

    def page(self) -> bytes:
        """All of it, in Prometheus' text format."""
        return generate_latest(self._registry)

    def _labelled(self, metric: MetricT, *labels: str) -> MetricT:
        """The metric of these labels; finding it anew would cost more than counting."""
        found = self._children.get((metric, *labels))
        if found is None:
            found = self._children[metric, *labels] = metric.labels(*labels)
        return found

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        return Counter(f"nextup_{name}", meaning, labels, registry=self._registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"nextup_{name}", meaning, labels, buckets=buckets, registry=self._registry)


def _maker(model: ModelRef | None) -> tuple[str, str]:
    return ("model", str(model.version)) if model else ("fallback", NO_VERSION)
