"""A challenger beside the serving version, asked by a real worker: as a canary, in the shadow, and broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.stack.triton import TritonServer
from streams.contract import messages, topics
from streams.contract.canary import in_canary
from streams.contract.connection import KafkaConnection
from streams.contract.messages import Erasure, Outcome, RecommendationList
from tests.faults import models
from tests.faults.conftest import settings_for
from tests.integration.workers import BOUGHT_AT, Source, eventually, lists, lists_by_event, records, running_worker
from tests.small_model import ITEM_IDS, NAME
from tests.swaps.conftest import Report
from trainer.swaps.swaps import Swaps

USERS = [f"user {number}" for number in range(60)]
SHARE = 0.5
DAY = timedelta(days=1)


@contextmanager
def worker_on(kafka: KafkaConnection, server: TritonServer, folder: Path, deadline_ms: int = 5_000) -> Iterator[None]:
    with running_worker(kafka, folder, **settings_for(server, deadline_ms)):
        eventually(
            lambda: records(kafka, topics.WORKER_STATES),
            lambda found: any(messages.worker_state.decode(each.value() or b"").version == 1 for each in found),
            "the worker to ask version 1",
            timeout_s=120,
        )
        yield


def buy_for_all(kafka: KafkaConnection, round_: int, *item_ids: str) -> dict[str, RecommendationList]:
    """One purchase of each user, and the lists that follow, by user."""
    source = Source(kafka)
    for user in USERS:
        source.buy(user, f"{user} {round_}", *item_ids, at=BOUGHT_AT + round_ * DAY)
    source.flush()
    wanted = {f"{user} {round_}" for user in USERS}
    found = eventually(
        lambda: lists_by_event(kafka), lambda seen: wanted <= seen.keys(), f"lists of round {round_}", timeout_s=120
    )
    return {made.user_id: made for event_id, made in found.items() if event_id in wanted}


def version_of(made: RecommendationList) -> int | None:
    return made.model.version if made.model else None


def outcomes(kafka: KafkaConnection) -> list[Outcome]:
    values = [message.value() for message in records(kafka, topics.OUTCOMES)]
    return [messages.outcome.decode(value) for value in values if value is not None]


def test_a_canary_answers_its_share_of_the_users_and_no_one_else(
    kafka: KafkaConnection, server: TritonServer, swaps: Swaps, tmp_path: Path, report: Report
) -> None:
    for version in (1, 2):
        models.publish(server, version, shift=version)
    swaps.promote(1, "the first")
    with worker_on(kafka, server, tmp_path):
        assert swaps.challenge(2, "canary", SHARE, "tried").retired.late == ()
        made = buy_for_all(kafka, 0, ITEM_IDS[0])
        assert swaps.stop_challenge("enough").retired.unloaded == (2,)
        after = buy_for_all(kafka, 1, ITEM_IDS[0])
    tried = {user for user in USERS if in_canary(user, 2, SHARE)}
    report("canary", users=len(USERS), share=SHARE, answered_by_challenger=len(tried))
    assert {user for user, each in made.items() if version_of(each) == 2} == tried
    assert {version_of(each) for user, each in made.items() if user not in tried} == {1}
    assert {version_of(each) for each in after.values()} == {1}


def test_a_shadow_is_judged_and_not_published_and_nothing_of_it_outlives_an_erasure(
    kafka: KafkaConnection, server: TritonServer, swaps: Swaps, tmp_path: Path, report: Report
) -> None:
    """The serving version answers what follows the newest item from 3 places on, the challenger from 8 on."""
    models.publish(server, 1, shift=1)
    models.publish(server, 2, shift=6)
    swaps.promote(1, "the first")
    with worker_on(kafka, server, tmp_path):
        swaps.challenge(2, "shadow", 1.0, "tried")
        first = buy_for_all(kafka, 0, ITEM_IDS[0])
        second = buy_for_all(kafka, 1, ITEM_IDS[8])
        source = Source(kafka)
        erasure = Erasure("forget", USERS[0], datetime.now(UTC))
        source.send(messages.user_key(USERS[0]), messages.encode(erasure))
        source.flush()
        eventually(lambda: records(kafka, topics.ERASURE_RECEIPTS), bool, "the receipt")
        changelog = topics.Topic("nextup-shadow-lists-changelog", "user_id", {})
        of_erased = [each.value() for each in records(kafka, changelog) if each.key() == USERS[0].encode()]
    assert {version_of(each) for each in (first | second).values()} == {1}
    judged = [each for each in outcomes(kafka) if each.shadow]
    hits = sum(bool(each.shadow and each.shadow.hits) for each in judged)
    report("shadow", purchases=len(USERS), judged=len(judged), hits=sum(bool(o.hits) for o in judged), shadow_hits=hits)
    assert len(judged) >= 0.9 * (len(USERS) - 1)
    assert all(each.shadow and each.shadow.model.version == 2 for each in judged)
    assert hits == len(judged)
    assert not any(each.hits for each in judged)
    assert of_erased[-1:] == [None]


def test_a_challenger_that_hangs_delays_no_list_and_fails_none(
    kafka: KafkaConnection, server: TritonServer, swaps: Swaps, tmp_path: Path, report: Report
) -> None:
    """It takes a second for each answer, more than the deadline allows."""
    models.publish(server, 1)
    models.publish_slow(server, 2)
    swaps.promote(1, "the first")
    with worker_on(kafka, server, tmp_path, deadline_ms=800):
        swaps.challenge(2, "shadow", 1.0, "tried")
        made = buy_for_all(kafka, 0, ITEM_IDS[0])
        swaps.stop_challenge("enough")
        swaps.challenge(2, "canary", SHARE, "tried")
        canary = buy_for_all(kafka, 1, ITEM_IDS[0])
    report(
        "challenger that hangs", lists=len(made) + len(canary), fallbacks=sum(not each.model for each in lists(kafka))
    )
    assert {version_of(each) for each in made.values()} == {1}
    assert {version_of(each) for each in canary.values()} == {1}
    assert {each.model.name for each in made.values() if each.model} == {NAME}
