"""Lists are made anew without a purchase: after a promotion, and as time passes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from deploy.refreshing import refresh_stale_lists
from deploy.settings import RefreshSettings
from deploy.stack.triton import TritonServer
from streams.contract import messages, topics
from streams.contract.connection import KafkaConnection
from streams.contract.messages import RecommendationList, Refresh
from tests.faults import models
from tests.faults.conftest import settings_for
from tests.integration.workers import Source, eventually, lists, records, running_worker
from tests.small_model import ITEM_IDS, NAME
from tests.swaps.conftest import Report
from trainer.swaps.swaps import Swaps

ACTIVE = [f"active {number}" for number in range(20)]
SETTINGS = RefreshSettings(rate=100)


def newest(kafka: KafkaConnection) -> dict[str, RecommendationList]:
    return {made.user_id: made for made in lists(kafka)}


def test_after_a_promotion_the_lists_of_active_customers_are_made_anew_once(
    kafka: KafkaConnection, server: TritonServer, swaps: Swaps, tmp_path: Path, report: Report
) -> None:
    for version in (1, 2):
        models.publish(server, version, shift=version)
    swaps.promote(1, "the first")
    now = datetime.now(UTC)
    source = Source(kafka)
    for user in ACTIVE:
        source.buy(user, f"order of {user}", ITEM_IDS[0], at=now - timedelta(hours=2))
    source.buy("passive", "order of passive", ITEM_IDS[0], at=now - timedelta(days=90))
    source.flush()
    with running_worker(kafka, tmp_path, **settings_for(server)):
        everybody = {*ACTIVE, "passive"}
        before = eventually(lambda: newest(kafka), lambda found: found.keys() == everybody, "all lists", timeout_s=120)
        swaps.promote(2, "better")
        asked = refresh_stale_lists(kafka, NAME, SETTINGS)
        after = eventually(
            lambda: newest(kafka),
            lambda found: all(found[user].cause.type == "model" for user in ACTIVE),
            "the lists made anew",
            timeout_s=120,
        )
        again = refresh_stale_lists(kafka, NAME, SETTINGS)
        for user in ("nobody", "active 0"):
            late = Refresh(f"late {user}", user, now - timedelta(hours=1))
            source.send(messages.user_key(user), messages.encode(late))
        source.buy("last", "order of last", ITEM_IDS[0])
        source.flush()
        end = eventually(lambda: newest(kafka), lambda found: "last" in found, "the last list", timeout_s=120)
    logged = {message.key() for message in records(kafka, topics.PURCHASE_LOG)}
    report("refresh", lists=asked, asked_again=again, rate_per_s=SETTINGS.rate, log_records=len(logged))
    assert (asked, again) == (len(ACTIVE), 0)
    for user in ACTIVE:
        old, new = before[user], after[user]
        assert (old.model and old.model.version, new.model and new.model.version) == (1, 2)
        assert new.as_of > old.as_of
        assert new.active_at is not None
        assert abs(new.active_at - old.as_of) < timedelta(milliseconds=1)
        assert [item.item_id for item in new.items] != [item.item_id for item in old.items]
    assert after["passive"] == before["passive"]
    assert len(logged) == len(ACTIVE) + 2
    assert "nobody" not in end
    assert end["active 0"] == after["active 0"]
