"""Bad records, repeats, late events, clocks that disagree, one very busy user, returns and erasures."""

from streams.contract.connection import KafkaConnection
from tests.faults.conftest import MakeWorker, Report
from tests.faults.evidence import Evidence
from tests.faults.fleet import Progress, running
from tests.faults.load import Load, Mix
from tests.integration.workers import Source

EVENTS = 10_000
POISON = Mix(poison=0.05)
DISORDER = Mix(users=500, hot=0.5, repeats=0.05, late=0.2, returns=0.1, erasures=0.005, skew_s=120)


def _work_off(kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, load: Load) -> Evidence:
    source = Source(kafka)
    for sent in load.records(EVENTS):
        source.send(*sent)
    source.flush()
    worker = make_worker("worker")
    with running(worker):
        progress.wait_until_done(worker)
    assert worker.deaths == 0
    return Evidence(kafka)


def test_among_poison_every_record_ends_as_a_list_or_as_a_dead_letter(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report
) -> None:
    evidence = _work_off(kafka, progress, make_worker, Load(6, POISON))
    counts = evidence.counts()
    report("5% poison", **counts)
    evidence.check()
    assert counts["accepted"] + counts["dead_letters"] == counts["records"] == EVENTS
    assert 400 < counts["dead_letters"] < 600


def test_disorder_of_every_kind_gives_the_state_of_the_model(
    kafka: KafkaConnection, progress: Progress, make_worker: MakeWorker, report: Report
) -> None:
    evidence = _work_off(kafka, progress, make_worker, Load(7, DISORDER))
    told = {"erasures": evidence.model.n_erasures, "anew_after_erasure": evidence.model.n_anew}
    counts = evidence.counts()
    report("disorder", **told, **counts)
    evidence.check()
    assert counts["repeated"] > 100
    assert evidence.model.n_erasures > 20
