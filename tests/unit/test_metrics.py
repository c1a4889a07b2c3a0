"""The page that Prometheus reads, after some things have happened."""

from datetime import UTC, datetime

import pytest
from prometheus_client.parser import text_string_to_metric_families

from streams.contract.messages import Hit, ModelRef, Outcome
from streams.worker.metrics import Metrics

SEVENTH = ModelRef("next-purchase", 7)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float:
    families = text_string_to_metric_families(metrics.page().decode())
    (found,) = [s.value for f in families for s in f.samples if (s.name, s.labels) == (f"nextup_{name}", labels)]
    return float(found)


def outcome(model: ModelRef | None, *ranks: int) -> Outcome:
    return Outcome(
        user_id="u",
        event_id="e",
        occurred_at=datetime(2011, 12, 9, tzinfo=UTC),
        list_id="l",
        source="model" if model else "fallback",
        model=model,
        n_bought=3,
        hits=[Hit(f"item {rank}", rank) for rank in ranks],
    )


def test_events_are_counted_by_what_they_are_and_did(metrics: Metrics) -> None:
    metrics.event("purchase", "applied")
    metrics.event("purchase", "applied")
    metrics.event("purchase", "repeated")
    metrics.event("erasure", "applied")
    assert value(metrics, "events_total", kind="purchase", effect="applied") == 2
    assert value(metrics, "events_total", kind="purchase", effect="repeated") == 1
    assert value(metrics, "events_total", kind="erasure", effect="applied") == 1


def test_lists_are_counted_by_the_version_that_made_them(metrics: Metrics) -> None:
    metrics.list_published(SEVENTH)
    metrics.list_published(None)
    metrics.list_published(None)
    assert value(metrics, "lists_total", source="model", version="7") == 1
    assert value(metrics, "lists_total", source="fallback", version="none") == 2


def test_hit_rate_and_reciprocal_rank_of_a_version_are_ratios_of_counters(metrics: Metrics) -> None:
    for ranks in [(4, 2), (), (1,), ()]:
        metrics.judged(outcome(SEVENTH, *ranks))
    metrics.judged(outcome(None, 5))
    labels = {"source": "model", "version": "7"}
    purchases = value(metrics, "judged_purchases_total", **labels)
    assert purchases == 4
    assert value(metrics, "judged_hits_total", **labels) / purchases == 0.5
    assert value(metrics, "judged_reciprocal_ranks_total", **labels) / purchases == (1 / 2 + 1) / 4
    assert value(metrics, "judged_reciprocal_ranks_total", source="fallback", version="none") == 0.2


def test_batches_their_sizes_and_the_time_of_their_stages_are_measured(metrics: Metrics) -> None:
    metrics.batch(3)
    metrics.batch(200)
    assert value(metrics, "batch_events_count") == 2
    assert value(metrics, "batch_events_sum") == 203
    with pytest.raises(ValueError, match="away"), metrics.stage("deliver"):
        raise ValueError("the broker is away")
    assert value(metrics, "stage_seconds_count", stage="deliver") == 1


def test_dead_letters_are_counted_by_reason(metrics: Metrics) -> None:
    metrics.dead_letter("malformed")
    assert value(metrics, "dead_letters_total", reason="malformed") == 1


def test_a_gauge_is_read_with_the_page(metrics: Metrics) -> None:
    lag = [5]
    metrics.gauge("worker_lag_records", "Waiting.", lambda: lag[0])
    assert value(metrics, "worker_lag_records") == 5
    lag[0] = 0
    assert value(metrics, "worker_lag_records") == 0


def test_two_workers_in_one_process_do_not_share_their_counts() -> None:
    one, other = Metrics(), Metrics()
    one.batch(1)
    assert value(other, "batch_events_count") == 0
